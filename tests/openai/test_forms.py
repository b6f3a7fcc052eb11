"""Forms in any pieces, and uploads that are heard while they come."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from google.api.httpbody_pb2 import HttpBody
from hypothesis import given
from hypothesis import strategies as st
from voicebox.compat.openai.v1 import openai_pb2, openai_pb2_grpc
from voicebox_asr.app import open_service
from voicebox_asr.compat.openai.upload import open_upload
from voicebox_compat.form import Field, Form
from voicebox_kit.disk_quota import DiskQuota
from voicebox_kit.errors import Exhausted, InvalidField

from tests.support.aio import aio_stub

CONTENT_TYPE = 'multipart/form-data; boundary="xx"'


def part(name: str, data: bytes) -> bytes:
    return f'--xx\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + data + b"\r\n"


def in_pieces(body: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    return [body[start:end] for start, end in pairwise(edges)]


@given(
    st.binary(max_size=300).filter(lambda data: b"--xx" not in data),
    st.text(max_size=50),
    st.lists(st.integers(0, 10_000), max_size=20),
)
def test_a_form_is_the_same_however_it_is_cut(data, text, cuts):
    value = text.replace("--xx", "").encode("utf-8", "replace")
    form, found = Form(CONTENT_TYPE), []
    for piece in in_pieces(part("prompt", value) + part("file", data) + part("model", b"m") + b"--xx--\r\n", cuts):
        found += form.push(piece)
    form.finish()
    assert [each for each in found if isinstance(each, Field)] == [Field("prompt", value.decode()), Field("model", "m")]
    assert b"".join(each for each in found if isinstance(each, bytes)) == data


@pytest.mark.parametrize("name", ["file", "file[]", "file[0]", "file%5B%5D", "file%5b0%5d"])
def test_the_file_has_every_spelling_of_a_list(name):
    form = Form(CONTENT_TYPE)
    found = form.push(part("model", b"m") + file_part(name, b"sound") + b"--xx--")
    assert (found, form.has_file) == ([Field("model", "m"), b"sound"], True)


def file_part(name: str, data: bytes) -> bytes:
    head = f'--xx\r\nContent-Disposition: form-data; name="{name}"; filename="a.wav"\r\n\r\n'
    return head.encode() + data + b"\r\n"


@pytest.mark.parametrize("name", ["audio", "audio_file", "files", "data[]", "File"])
async def test_a_file_under_another_name_is_told_which_one_is_expected(name):
    pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
    pieces.put_nowait(part("model", b"m") + file_part(name, b"\xff" * 100_000) + b"--xx--")
    pieces.put_nowait(None)
    async with open_upload(CONTENT_TYPE, fed(pieces), DiskQuota(100), 100) as upload:
        with pytest.raises(InvalidField, match=f"expected as 'file', not as '{re.escape(name)}'") as refused:
            await upload.begun()
    assert (refused.value.field, refused.value.reason) == (name, "MISSING_REQUIRED_PARAMETER")


async def test_beside_the_file_another_one_is_a_field_that_nobody_knows():
    pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
    pieces.put_nowait(file_part("mask", b"\xff" * 100_000) + file_part("file", b"one") + b"--xx--")
    pieces.put_nowait(None)
    async with open_upload(CONTENT_TYPE, fed(pieces), DiskQuota(100), 100) as upload:
        await upload.whole()
        assert upload.fields == {"mask": [""]}
        assert b"".join([block async for block in upload.blocks()]) == b"one"


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_any_bytes_are_a_form_or_an_error_of_ours(pieces):
    form = Form(CONTENT_TYPE)
    with contextlib.suppress(InvalidField):
        for piece in [b"--xx\r\n", *pieces]:
            form.push(piece)
        form.finish()


async def fed(pieces: "asyncio.Queue[bytes | None]") -> AsyncIterator[bytes]:
    while (piece := await pieces.get()) is not None:
        yield piece


async def test_a_file_is_read_while_it_comes_and_again():
    pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
    quota = DiskQuota(100)
    async with open_upload(CONTENT_TYPE, fed(pieces), quota, 100) as upload:
        pieces.put_nowait(part("model", b"m") + part("file", b"one")[:-2])
        await upload.begun()
        assert upload.fields == {"model": ["m"]}
        blocks = upload.blocks()
        first = await anext(blocks)  # the form has not ended
        pieces.put_nowait(b"two\r\n" + part("prompt", b"p") + b"--xx--")
        pieces.put_nowait(None)
        assert first + b"".join([block async for block in blocks]) == b"onetwo"
        await upload.whole()
        assert upload.fields == {"model": ["m"], "prompt": ["p"]}
        assert b"".join([block async for block in upload.blocks()]) == b"onetwo"
        with pytest.raises(Exhausted):
            quota.reserve(95)
    quota.reserve(100)


@pytest.mark.parametrize(("most", "space", "error"), [(10, 100, InvalidField), (100, 10, Exhausted)])
async def test_a_file_that_is_too_large_is_refused_while_it_comes(most, space, error):
    pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
    pieces.put_nowait(part("file", b"x" * 20))
    async with open_upload(CONTENT_TYPE, fed(pieces), DiskQuota(space), most) as upload:
        with pytest.raises(error):
            await upload.whole()


async def test_a_form_that_is_cut_short_is_an_error():
    pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
    pieces.put_nowait(part("file", b"x" * 20))
    pieces.put_nowait(None)
    async with open_upload(CONTENT_TYPE, fed(pieces), DiskQuota(100), 100) as upload:
        with pytest.raises(InvalidField):
            _ = [block async for block in upload.blocks()]


async def test_an_engine_that_can_translates_and_takes_prompts_and_temperatures(start, tiny_whisper, speech_data):
    running = await start(open_service, ASR_ENGINE="whisper", ASR_MODEL=str(tiny_whisper))
    stub = aio_stub(openai_pb2_grpc.OpenAiTranscriptionServiceStub, running.channel)
    fields = (
        part("model", b"whisper-1")
        + part("prompt", b"p" * 2000)
        + part("temperature", b"0.5")
        + part("response_format", b"text")
    )
    form = fields + part("file", speech_data.path("LJ001-0002.flac").read_bytes()) + b"--xx--"
    request = openai_pb2.CreateTranslationRequest(body=HttpBody(content_type=CONTENT_TYPE, data=form))
    answers = [answer async for answer in stub.CreateTranslation(iter([request]))]
    assert answers[0].body.content_type.startswith("text/plain")
    assert answers[0].body.data.endswith(b"\n")
