"""Generations through the real service."""

import asyncio
import uuid

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from voicebox.catalog.v1 import catalog_pb2 as pb

ANN = (("x-voicebox-principal", "ann"),)


def download(catalog, name, metadata=None):
    return catalog.DownloadGenerationAudio(pb.DownloadGenerationAudioRequest(name=name), metadata=metadata)


async def test_a_generation_comes_back_as_it_was_recorded(catalog, generation, record, bytes_of):
    sent = generation(
        text="Grüße, 世界\nשלום",
        profile="profiles/ann",
        model="flite/slt",
        seed=2**32 - 1,
        speed=1.5,
        pitch_semitones=-2.5,
        sample_rate_hz=48000,
        duration=Duration(seconds=3, nanos=250_000_000),
        time_to_first_chunk=Duration(nanos=4_000_000),
        synthesis_time=Duration(nanos=120_000_000),
        status=pb.GENERATION_STATUS_CANCELLED,
        warnings=["one", "two"],
        create_time=Timestamp(seconds=1_767_225_600, nanos=123_456_000),
    )
    kept = await record(catalog, sent, b"abc", b"", b"def" * 100_000)
    sent.size_bytes, sent.owner = 300_003, "local"
    assert kept == sent
    assert await catalog.GetGeneration(pb.GetGenerationRequest(name=sent.name)) == sent
    assert (await catalog.ListGenerations(pb.ListGenerationsRequest())).generations == [sent]
    assert await bytes_of(download(catalog, sent.name)) == b"abc" + b"def" * 100_000


@pytest.mark.parametrize(
    ("container", "content_type"),
    [("wav", "audio/wav"), ("flac", "audio/flac"), ("ogg", "audio/ogg"), ("mp3", "audio/mpeg"), ("", "application/octet-stream")],
)
async def test_the_first_message_of_a_download_sets_the_content_type(catalog, generation, record, container, content_type):
    kept = await record(catalog, generation(container=container), b"x" * 1_000_000)
    answers = [answer.body async for answer in download(catalog, kept.name)]
    assert [body.content_type for body in answers] == [content_type] + [""] * (len(answers) - 1)
    assert len(answers) > 1
    assert max(len(body.data) for body in answers) < 1_000_000


async def test_without_audio_there_is_nothing_to_download(catalog, generation, record, refused):
    kept = await record(catalog, generation())
    assert kept.size_bytes == 0
    error = await refused(download(catalog, kept.name))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "AUDIO_NOT_FOUND")


async def test_a_repeat_answers_what_was_kept_even_after_a_restart(opened, generation, record, bytes_of):
    sent = generation()
    async with opened() as catalog:
        kept = await record(catalog, sent, b"first")
        assert await record(catalog, generation(name=sent.name, text="other"), b"second") == kept
    async with opened() as catalog:
        assert await record(catalog, generation(name=sent.name.upper().replace("GENERATIONS", "generations"))) == kept
        assert await bytes_of(download(catalog, kept.name)) == b"first"
        assert len((await catalog.ListGenerations(pb.ListGenerationsRequest())).generations) == 1


async def test_repeats_at_once_make_one_row_and_leave_one_blob(catalog, generation, record, bytes_of, together, env):
    from pathlib import Path

    name = f"generations/{uuid.uuid4()}"
    kept = await together(*(record(catalog, generation(name=name, text=f"{number}"), f"{number}".encode()) for number in range(8)))
    assert len({generation.text for generation in kept}) == 1
    assert await bytes_of(download(catalog, name)) == kept[0].text.encode()
    files = [path for path in Path(env["VOICEBOX_DATA"], "catalog", "blobs").rglob("*") if path.is_file()]
    assert len(files) == 1


async def test_an_answer_that_comes_early_reaches_a_caller_who_still_sends(catalog, generation, record, refused):
    sent = generation()
    kept = await record(catalog, sent, b"first")
    assert await record(catalog, sent, *[bytes(1_000_000)] * 20) == kept
    error = await refused(record(catalog, generation(status=0), *[bytes(1_000_000)] * 20))
    assert error.field == "generation.status"


BAD = [
    ({"name": "generations/1"}, "generation.name"),
    ({"name": ""}, "generation.name"),
    ({"name": "profiles/" + str(uuid.uuid4())}, "generation.name"),
    ({"text": "a" * 100_001}, "generation.text"),
    ({"text": "\0"}, "generation.text"),
    ({"voice": "v" * 301}, "generation.voice"),
    ({"status": 0}, "generation.status"),
    ({"status": 99}, "generation.status"),
    ({"speed": float("nan")}, "generation.speed"),
    ({"pitch_semitones": float("inf")}, "generation.pitch_semitones"),
    ({"duration": Duration(seconds=-1)}, "generation.duration"),
    ({"synthesis_time": Duration(seconds=2**62)}, "generation.synthesis_time"),
    ({"sample_rate_hz": -1}, "generation.sample_rate_hz"),
    ({"create_time": Timestamp(seconds=-1)}, "generation.create_time"),
    ({"create_time": Timestamp(seconds=2**62)}, "generation.create_time"),
    ({"warnings": ["w"] * 101}, "generation.warnings"),
]


@pytest.mark.parametrize(("fields", "field"), BAD)
async def test_a_bad_field_is_named(catalog, generation, record, refused, fields, field):
    error = await refused(record(catalog, generation(**fields)))
    assert (error.code, error.field) == (grpc.StatusCode.INVALID_ARGUMENT, field)


async def test_the_metadata_comes_first_and_once(catalog, generation, refused):
    async def send(*requests):
        async def messages():
            for request in requests:
                yield request

        return await catalog.RecordGeneration(messages())

    metadata, audio = pb.RecordGenerationRequest(generation=generation()), pb.RecordGenerationRequest(audio=b"x")
    for order in ((), (audio, metadata), (metadata, audio, metadata)):
        assert (await refused(send(*order))).field == "generation"
    assert not (await catalog.ListGenerations(pb.ListGenerationsRequest())).generations


async def test_audio_over_the_limit_keeps_nothing(env, opened, generation, record, refused):
    env["CATALOG_GENERATION_BYTES"] = "1000"
    async with opened() as catalog:
        error = await refused(record(catalog, generation(), b"x" * 600, b"x" * 600))
        assert (error.field, error.reason) == ("audio", "AUDIO_TOO_LARGE")
        assert not (await catalog.ListGenerations(pb.ListGenerationsRequest())).generations


async def test_a_recorder_that_vanishes_keeps_nothing(catalog, generation):
    call = catalog.RecordGeneration()
    sent = generation()
    await call.write(pb.RecordGenerationRequest(generation=sent))
    await call.write(pb.RecordGenerationRequest(audio=b"x" * 100_000))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not (await catalog.ListGenerations(pb.ListGenerationsRequest())).generations


async def test_list_filters_searches_and_pages(catalog, generation, record, refused):
    for number in range(9):
        await record(catalog, generation(text=f"word {number}", engine=("flite", "espeak")[number % 2]))

    async def texts(**query):
        seen = []
        while True:
            page = await catalog.ListGenerations(pb.ListGenerationsRequest(page_size=2, **query))
            seen += [generation.text[-1] for generation in page.generations]
            if not page.next_page_token:
                return "".join(seen)
            query["page_token"] = page.next_page_token

    assert await texts() == "876543210"
    assert await texts(filter='engine = "espeak"') == "7531"
    assert await texts(search="wo") == "876543210"
    assert await texts(search="word 4") == "4"
    assert await texts(search="word", filter='engine = "flite"') == "86420"
    assert await texts(search="absent") == ""
    page = await catalog.ListGenerations(pb.ListGenerationsRequest(page_size=2, search="word"))
    for query in ({}, {"search": "wor"}, {"search": "word", "filter": "status = FAILED"}):
        assert (await refused(texts(page_token=page.next_page_token, **query))).field == "page_token"
    assert (await refused(texts(filter="nonsense"))).field == "filter"
    assert (await refused(texts(search="x" * 501))).field == "search"
    assert (await refused(texts(search="a\0b"))).field == "search"


async def test_delete(catalog, generation, record, refused, env):
    from pathlib import Path

    kept = await record(catalog, generation(), b"audio")
    await catalog.DeleteGeneration(pb.DeleteGenerationRequest(name=kept.name))
    for gone in (
        catalog.GetGeneration(pb.GetGenerationRequest(name=kept.name)),
        catalog.DeleteGeneration(pb.DeleteGenerationRequest(name=kept.name)),
        download(catalog, kept.name),
    ):
        error = await refused(gone)
        assert (error.code, error.resource) == (grpc.StatusCode.NOT_FOUND, kept.name)
    assert not [path for path in Path(env["VOICEBOX_DATA"], "catalog", "blobs").rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", ["", "generations/", "generations/a/b", "profiles/a", "generations/a\n", "generations/" + "a" * 64])
async def test_a_malformed_name(catalog, refused, name):
    error = await refused(catalog.GetGeneration(pb.GetGenerationRequest(name=name)))
    assert (error.code, error.field) == (grpc.StatusCode.INVALID_ARGUMENT, "name")


async def test_owners_do_not_see_each_other(catalog, generation, record, refused):
    kept = await record(catalog, generation(owner="bob"), b"audio", metadata=ANN)
    assert kept.owner == "ann"
    assert not (await catalog.ListGenerations(pb.ListGenerationsRequest())).generations
    assert not (await catalog.ListGenerations(pb.ListGenerationsRequest(search="hello"))).generations
    for hidden in (
        catalog.GetGeneration(pb.GetGenerationRequest(name=kept.name)),
        catalog.DeleteGeneration(pb.DeleteGenerationRequest(name=kept.name)),
        download(catalog, kept.name),
    ):
        assert (await refused(hidden)).code == grpc.StatusCode.NOT_FOUND
    assert len((await catalog.ListGenerations(pb.ListGenerationsRequest(search="hello"), metadata=ANN)).generations) == 1
