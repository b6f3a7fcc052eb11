"""Prompts outlive the process, are what was packed or are computed again, and are shared by replicas when their store
is there.
"""

import asyncio
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from obstore.exceptions import GenericError
from voicebox_blobs.stores import open_blobs
from voicebox_kit.errors import Unavailable
from voicebox_models.engine import Model
from voicebox_tts.engine import Packed, Reference
from voicebox_tts.prompts.file import content_key, file_name, from_bytes, to_bytes
from voicebox_tts.prompts.folder import PromptFolder
from voicebox_tts.prompts.shared import AWAY_SECONDS, MAX_WRITES, SharedPrompts
from voicebox_tts.prompts.store import Origin, PromptStore

from tests.catalog.stores import object_store

from .conftest import ToneEngine, TonePrompt

MODEL = Model("tone/1", "1", "MIT", ())
NOISE = Reference(np.random.default_rng(0).uniform(-0.5, 0.5, 2_000).astype(np.float32), 24_000, "noise")
KEY = content_key(MODEL, NOISE)
PACKED = Packed({"size": np.array(1000)}, {"base_voice": "high"})
WHOLE = to_bytes(KEY, PACKED)
KINDS = ["f4", "f8", "i8", "u1", "f2", "?"]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "prompts"


@pytest.fixture
def store(folder, executor):
    """As a process begins with it: nothing but the folder is known."""
    return lambda shared=None, folder=folder: PromptStore(PromptFolder(folder, 100_000), shared, executor)


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


# The file


@given(
    packed=st.dictionaries(
        st.text(max_size=8),
        st.sampled_from(KINDS).flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=0, min_side=0))),
    ),
    facts=st.dictionaries(st.text(), st.text()),
)
def test_what_is_packed_is_read(packed, facts):
    packed = {name: array for name, array in packed.items() if name != "__metadata__"}
    read = from_bytes(KEY, to_bytes(KEY, Packed(packed, facts)))
    assert read.facts == facts
    assert read.arrays.keys() == packed.keys()
    for name, array in packed.items():
        np.testing.assert_array_equal(read.arrays[name], array, strict=True)


def test_arrays_are_kept_whatever_their_order_in_memory():
    turned = np.arange(12).reshape(3, 4).T[::2]
    np.testing.assert_array_equal(
        from_bytes(KEY, to_bytes(KEY, Packed({"x": turned}, {}))).arrays["x"], turned, strict=True
    )


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_file_with_a_wrong_bit_is_none(at, bit):
    data = bytearray(WHOLE)
    data[at % len(data)] ^= 1 << bit
    try:
        read = from_bytes(KEY, bytes(data))
    except ValueError:
        return
    assert read == PACKED  # a bit that says nothing: JSON's padding, or what names the format


@given(data=st.binary(max_size=200) | st.integers(0, len(WHOLE) - 1).map(lambda size: WHOLE[:size]))
def test_what_is_no_whole_file_is_a_value_error(data):
    with pytest.raises(ValueError, match="it is not a voice prompt"):
        from_bytes(KEY, data)


def test_a_file_under_another_key_is_a_value_error():
    with pytest.raises(ValueError, match="another voice's"):
        from_bytes(content_key(replace(MODEL, revision="2"), NOISE), to_bytes(KEY, PACKED))


def test_the_key_covers_all_that_a_prompt_depends_on():
    others = [
        (replace(MODEL, name="tone/2"), NOISE),
        (replace(MODEL, revision="2"), NOISE),
        (MODEL, replace(NOISE, transcript="")),
        (MODEL, replace(NOISE, transcript="noise.")),
        (MODEL, replace(NOISE, sample_rate_hz=16_000)),
        (MODEL, replace(NOISE, samples=NOISE.samples[:-1])),
        (MODEL, replace(NOISE, samples=np.append(NOISE.samples, np.float32(0)))),
    ]
    assert len({KEY, *(content_key(*other) for other in others)}) == 1 + len(others)
    assert content_key(replace(MODEL, licence="other"), replace(NOISE, samples=NOISE.samples.copy())) == KEY


# The store


async def test_a_restart_computes_nothing(store, engine):
    assert await store().prompt(engine, NOISE) == (TonePrompt(), Origin.COMPUTED)
    assert await store().prompt(engine, NOISE) == (TonePrompt(), Origin.DISK)
    assert engine.prompts == 1


async def test_another_transcript_model_or_revision_is_another_prompt(store, engine):
    await store().prompt(engine, NOISE)
    await store().prompt(engine, replace(NOISE, transcript=""))
    newer = ToneEngine(model=replace(engine.model, revision="2"))
    larger = ToneEngine(model=replace(engine.model, name="tone/large"))
    assert [(await store().prompt(other, NOISE))[1] for other in (newer, larger)] == [Origin.COMPUTED] * 2
    assert engine.prompts == 2


DAMAGES = {
    "empty": lambda data: b"",
    "truncated": lambda data: data[:-1],
    "header only": lambda data: data[:40],
    "a wrong byte": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "foreign": lambda data: b"this is text, and no prompt at all",
    "another model's": lambda data: to_bytes(content_key(replace(MODEL, revision="2"), NOISE), PACKED),
    "another engine's": lambda data: to_bytes(KEY, Packed({"codes": np.zeros(3)}, {"kind": "codec"})),
    "a header without end": lambda data: b"\xff" * 8 + data[8:],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_a_file_that_is_of_no_use_is_made_anew(store, folder, engine, damage, caplog):
    key = content_key(engine.model, NOISE)
    PromptFolder(folder, 100_000).write(key, damage(to_bytes(key, PACKED)))
    assert (await store().prompt(engine, NOISE))[1] is Origin.COMPUTED
    assert "computed again" in caplog.text
    assert (await store().prompt(engine, NOISE))[1] is Origin.DISK
    assert engine.prompts == 1


async def test_a_broken_file_is_removed_also_when_no_other_takes_its_place(store, folder, engine, monkeypatch):
    def refuse(reference):
        raise ZeroDivisionError

    PromptFolder(folder, 100_000).write(content_key(engine.model, NOISE), b"broken")
    monkeypatch.setattr(engine, "prompt", refuse)
    with pytest.raises(ZeroDivisionError):
        await store().prompt(engine, NOISE)
    assert files(folder) == []


async def test_a_folder_in_the_files_place_is_not_fatal(store, folder, engine, caplog):
    (folder / file_name(content_key(engine.model, NOISE))).mkdir(parents=True)
    assert (await store().prompt(engine, NOISE))[1] is Origin.COMPUTED
    assert "cannot be stored" in caplog.text


async def test_an_engine_that_refuses_leaves_nothing(store, folder, engine, monkeypatch):
    def refuse(reference):
        raise ZeroDivisionError

    monkeypatch.setattr(engine, "prompt", refuse)
    with pytest.raises(ZeroDivisionError):
        await store().prompt(engine, NOISE)
    assert files(folder) == []


async def test_what_is_computed_for_a_caller_who_left_is_kept(folder, engine, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()

    def slow(reference):
        begun.set()
        assert go_on.wait(10)
        return TonePrompt()

    monkeypatch.setattr(engine, "prompt", slow)
    with ThreadPoolExecutor(2) as executor:
        store = PromptStore(PromptFolder(folder, 100_000), None, executor)
        call = asyncio.create_task(store.prompt(engine, NOISE))
        await asyncio.to_thread(begun.wait, 10)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        go_on.set()
    with ThreadPoolExecutor(2) as executor:
        assert (await PromptStore(PromptFolder(folder, 100_000), None, executor).prompt(engine, NOISE))[
            1
        ] is Origin.DISK


# The folder


def aged(folder, key, seconds):
    os.utime(folder / file_name(key), (seconds, seconds))


def test_the_least_recently_used_goes_and_use_survives_a_restart(folder):
    for age, key in enumerate(("aa", "bb", "cc")):
        PromptFolder(folder, 300).write(key, bytes(100))
        aged(folder, key, 1000 + age)
    assert PromptFolder(folder, 300).read("aa") == bytes(100)
    PromptFolder(folder, 300).write("dd", bytes(100))
    assert [path.stem for path in files(folder)] == ["aa", "cc", "dd"]


def test_what_a_killed_process_left_half_written_goes_like_the_rest(folder):
    PromptFolder(folder, 200).write("aa", bytes(100))
    half = folder / "aa" / "aa.0123"
    half.write_bytes(bytes(90))
    os.utime(half, (1000, 1000))
    PromptFolder(folder, 200).write("bb", bytes(100))
    assert [path.stem for path in files(folder)] == ["aa", "bb"]
    assert not half.exists()


def test_a_file_larger_than_all_may_be_is_not_kept_and_pushes_nothing_out(folder):
    PromptFolder(folder, 200).write("aa", bytes(100))
    PromptFolder(folder, 200).write("bb", bytes(201))
    PromptFolder(folder, 0).write("cc", bytes(1))
    assert [path.stem for path in files(folder)] == ["aa"]


def test_a_full_disk_is_a_line_in_the_log(small_disk, caplog):
    folder = PromptFolder(small_disk, 1 << 30)
    folder.write("aa", bytes(3_000_000))
    folder.write("bb", bytes(3_000_000))
    assert "No space left on device" in caplog.text
    assert [path.stem for path in files(small_disk)] == ["aa"]
    assert folder.read("aa") == bytes(3_000_000)
    assert folder.read("bb") is None


async def test_a_folder_that_cannot_be_made_is_a_line_in_the_log(store, engine, tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    assert (await store(folder=tmp_path / "file" / "prompts").prompt(engine, NOISE))[1] is Origin.COMPUTED
    assert "cannot be stored" in caplog.text


def test_processes_that_share_a_folder_read_whole_files_or_none(folder, caplog):
    """Each its own PromptFolder, on so little room that they remove each other's files all the time."""
    packed = {
        key: to_bytes(key, Packed({"x": np.full(500, number)}, {}))
        for number, key in enumerate(("aa", "ab", "ba", "bb", "cc", "ca"))
    }
    room = 3 * len(packed["aa"])

    def work(seed):
        own, random = PromptFolder(folder, room), np.random.default_rng(seed)
        for key in random.choice(list(packed), 60):
            own.write(key, packed[key])
            other = str(random.choice(list(packed)))
            assert own.read(other) in (None, packed[other])

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(work, range(4)))
    assert sum(path.stat().st_size for path in files(folder)) <= room
    assert all(path.suffix == ".safetensors" for path in files(folder))


# The shared store


@pytest.fixture(scope="session")
def s3_server():
    with object_store() as server:
        yield server


@pytest.fixture(params=["folder", "s3"])
def blobs(request, tmp_path):
    """Opens the store as one more replica does."""
    url = str(tmp_path / "shared") if request.param == "folder" else request.getfixturevalue("s3_server").make_bucket()
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    with open_blobs(url, keys, tmp_path, "TTS_PROMPT_STORE", alone=False) as blobs:
        yield blobs


async def test_one_replica_computes_and_the_others_read(store, blobs, tmp_path, engine):
    shared = SharedPrompts(blobs)
    assert (await store(shared).prompt(engine, NOISE))[1] is Origin.COMPUTED
    await shared.written()
    elsewhere = tmp_path / "another machine"
    assert await store(SharedPrompts(blobs), elsewhere).prompt(engine, NOISE) == (TonePrompt(), Origin.SHARED)
    assert (await store(None, elsewhere).prompt(engine, NOISE))[1] is Origin.DISK
    assert engine.prompts == 1


async def test_a_shared_store_computes_as_little_as_perfect_affinity(store, tmp_path, engine):
    """Six voices and 36 calls over two replicas: each voice is computed once for each replica, or once in all."""
    generator = np.random.default_rng(0)
    voices = [replace(NOISE, samples=generator.uniform(-0.5, 0.5, 2_000).astype(np.float32)) for _ in range(6)]
    computed = []
    for kind in ("by turns", "by turns, shared", "affinity"):
        with open_blobs(str(tmp_path / kind / "shared"), {}, tmp_path, "TTS_PROMPT_STORE", alone=False) as blobs:
            shared = SharedPrompts(blobs) if kind.endswith("shared") else None
            replicas = [store(shared, tmp_path / kind / name) for name in ("one", "two")]
            before = engine.prompts
            for call in range(36):
                voice, turn = call % 6, call // 6
                await replicas[voice % 2 if kind == "affinity" else (voice + turn) % 2].prompt(engine, voices[voice])
                if shared:
                    await shared.written()
            computed.append(engine.prompts - before)
    assert computed == [12, 6, 6]


async def test_a_shared_file_that_is_of_no_use_is_replaced(store, blobs, tmp_path, engine, caplog):
    async def blocks():
        yield b"this is text, and no prompt at all"

    await blobs.put_as(file_name(content_key(engine.model, NOISE)), blocks())
    shared = SharedPrompts(blobs)
    assert (await store(shared).prompt(engine, NOISE))[1] is Origin.COMPUTED
    await shared.written()
    assert "in the shared store is unusable" in caplog.text
    assert (await store(SharedPrompts(blobs), tmp_path / "another machine").prompt(engine, NOISE))[1] is Origin.SHARED


class Away:
    """A store that answers nothing, as long as it is away, and counts who asked."""

    def __init__(self, failure=None):
        self.failure, self.requested, self.left = failure, 0, 0
        self.gate = asyncio.Event()

    async def read(self, name, start=0, end=None):
        self.requested += 1
        if self.failure:
            raise self.failure
        try:
            await self.gate.wait()
        finally:
            self.left += 1
        raise FileNotFoundError
        yield b""

    async def is_left(self):
        async with asyncio.timeout(10):
            while not self.left:
                await asyncio.sleep(0)

    async def put_as(self, name, blocks):
        with suppress(FileNotFoundError):
            async for _ in self.read(name):
                pass


@pytest.mark.parametrize(
    "failure", [Unavailable("BLOBS_UNAVAILABLE", "It does not answer."), OSError(5, "Input/output error"), None]
)
async def test_a_store_that_is_unavailable_is_left_alone_for_a_while(store, engine, failure, caplog):
    now = 100.0
    away = Away(failure)
    shared = SharedPrompts(away, lambda: now, timeout_seconds=0.01)
    prompts = store(shared)
    for transcript in ("one", "two", "three"):
        assert (await prompts.prompt(engine, replace(NOISE, transcript=transcript)))[1] is Origin.COMPUTED
    assert away.requested == 1
    assert caplog.text.count("is not used for 30 s") == 1
    now += AWAY_SECONDS
    away.gate.set()
    away.failure = None
    await prompts.prompt(engine, replace(NOISE, transcript="four"))
    await shared.written()
    assert away.requested == 3  # to read, and to write


async def test_a_question_that_is_given_up_is_called_off(caplog):
    away = Away()
    with caplog.at_level(logging.ERROR):
        assert await SharedPrompts(away, timeout_seconds=0.01).read(KEY) is None
        await away.is_left()
    assert not caplog.text


@pytest.mark.parametrize(
    "failure", [Unavailable("BLOBS_UNAVAILABLE", "It does not answer."), OSError(28, "No space left on device")]
)
async def test_a_write_that_fails_is_a_line_in_the_log(failure, caplog):
    away = Away(failure)
    shared = SharedPrompts(away)
    shared.write(KEY, WHOLE)
    await shared.written()
    shared.write(KEY, WHOLE)
    assert (away.requested, caplog.text.count(str(failure))) == (1, 1)


async def test_a_write_that_hangs_ends(monkeypatch, caplog):
    monkeypatch.setattr("voicebox_tts.prompts.shared.WRITE_SECONDS", 0.01)
    shared = SharedPrompts(Away())
    shared.write(KEY, WHOLE)
    await shared.written()
    assert "nothing was written" in caplog.text


async def test_few_writes_wait_for_a_slow_store():
    away = Away()
    shared = SharedPrompts(away)
    for _ in range(20):
        shared.write(KEY, WHOLE)
    await asyncio.sleep(0)
    assert away.requested == MAX_WRITES
    away.gate.set()
    await shared.written()
    shared.write(KEY, WHOLE)
    await shared.written()
    assert away.requested == MAX_WRITES + 1


async def test_a_caller_who_leaves_cancels_the_request():
    away = Away()
    call = asyncio.create_task(SharedPrompts(away, timeout_seconds=1000).read(KEY))
    while not away.requested:
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await away.is_left()


@pytest.mark.parametrize(
    "failure",
    [
        OSError(28, "No space left on device"),
        PermissionError(13, "Permission denied"),
        GenericError("S3 says no"),
        ValueError("strange"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_cannot_be_shared_is_reported_and_does_no_harm(failure, caplog):
    shared = SharedPrompts(Away(failure))
    shared.write(KEY, WHOLE)
    await shared.written()
    assert "stored on this machine only" in caplog.text
    assert type(failure).__name__ in caplog.text
    assert await SharedPrompts(Away(failure)).read(KEY) is None


async def test_what_is_not_even_tried_is_reported(caplog):
    shared = SharedPrompts(Away(OSError(28, "No space left on device")))
    shared.write(KEY, WHOLE)
    await shared.written()
    caplog.clear()
    shared.write(KEY, WHOLE)
    assert "stored on this machine only" in caplog.text
