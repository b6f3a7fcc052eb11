"""What a killed process had made counts, within one chunk of each of its streams, and nothing counts twice."""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from voicebox.accounts.v1 import accounts_pb2 as pb
from voicebox_client import Client, VoiceboxClientError
from voicebox_kit.background import Background
from voicebox_kit.principal import Principal, current
from voicebox_kit.signing_keys import create
from voicebox_metering.meter import MeterSettings, open_meter
from voicebox_metering.notes import Notes
from voicebox_metering.work import WorkKind, counting

from bench.launch import platform

from . import counted_streams
from .conftest import USUAL, made_locally
from .counted_streams import CHUNK_MS
from .test_usage import eventually, usage

NO_LEDGER: Any = None
"""Nobody is asked about short work without limits."""
KILLS = max(3, int(os.environ.get("KILLS", "20")) // 10)


def killed_in_the_middle(*arguments: str | Path, made: Path) -> None:
    """Run the streams until they have made some chunks more, which differ from kill to kill."""
    wanted = (made.stat().st_size if made.exists() else 0) + random.randrange(1, 2000)
    process = subprocess.Popen([sys.executable, "-P", counted_streams.__file__, *map(str, arguments)])
    while not (made.exists() and made.stat().st_size >= wanted):
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()


async def test_killed_streams_count_what_they_made_within_a_chunk(open_accounts, tmp_path):
    made, folder = tmp_path / "made", tmp_path / "usage"
    async with open_accounts() as accounts:
        for kill in range(KILLS):
            arguments = (accounts.address, tmp_path / "signing.keys", folder, made, f"kill{kill}")
            await asyncio.to_thread(partial(killed_in_the_middle, *arguments, made=made))
        registry = CollectorRegistry()
        settings = MeterSettings(accounts.address, folder)
        async with open_meter("tts", settings, accounts.authentication, registry, Background(registry), None):
            async with asyncio.timeout(60):
                while list(folder.glob("*.json")):
                    await asyncio.sleep(0.05)
        rows = {row.model: row for row in await usage(accounts, group_by=[pb.USAGE_GROUP_MODEL])}
    chunks = Counter(made.read_text().split())
    assert set(chunks) <= set(rows)
    for model, row in rows.items():
        assert row.work_count == 1
        assert chunks[model] <= row.amounts.characters <= chunks[model] + 1, model
        assert row.amounts.audio_ms == row.amounts.characters * CHUNK_MS
    assert not list((folder / "running").iterdir())


async def test_a_full_disk_ends_no_work_and_leaves_nothing_wrong(small_disk, caplog):
    notes, kept = Notes(small_disk), []

    async def record(used):
        kept.append(used)
        return True

    work = counting(NO_LEDGER, notes, record)
    current.set(Principal("ann", key="anns"))
    with (small_disk / "rest").open("wb", buffering=0) as rest, contextlib.suppress(OSError):
        while True:
            rest.write(bytes(4096))
    async with work(WorkKind.SPEECH) as used:
        used.model = "m"
        await used.use(characters=3, audio_ms=20)
    assert [(each.amounts.characters, each.amounts.audio_ms) for each in kept] == [(3, 20)]
    assert "it counts when it ends" in caplog.text
    assert not list(notes.left())


@pytest.mark.parametrize("content", [b"", b"x", b"1 2\n", b"1 2\n{", b"a b\n{}\n", b"1 2 3\n{}\n", b"\xff\n\xff\n"])
def test_a_note_that_cannot_be_read_is_removed(tmp_path, content):
    (tmp_path / "a.work").write_bytes(content)
    assert not list(Notes(tmp_path).left())
    assert not list(tmp_path.iterdir())


LONG_TEXT = "The old man walked slowly to the market and bought bread for his family. " * 40
STREAMS = 2
USED = {"tts": pb.WORK_KIND_SPEECH, "asr": pb.WORK_KIND_RECOGNITION}


def spoken_ms(client: Client, _speech: bytes) -> Iterator[float]:
    """How much was received, of speech that takes minutes."""
    received = 0
    said = client.say(LONG_TEXT, store=False, encoding="pcm", sample_rate_hz=16_000, ahead_seconds=1)
    for event in said:
        received += len(event.chunk.audio)
        yield received / 32


def recognised_ms(client: Client, speech: bytes) -> Iterator[float]:
    """How far recognition has come, in sound that goes on for ever."""
    for event in client.listen(endless(speech), sample_rate_hz=16_000):
        yield event.speech_event.offset.ToMilliseconds()


def endless(speech: bytes) -> Iterator[bytes]:
    while True:
        for start in range(0, len(speech), 3200):
            yield speech[start : start + 3200]
            time.sleep(0.02)


class Streamed(threading.Thread):
    """A stream of a client, and how far it came before it broke off."""

    def __init__(self, progress: Iterator[float]) -> None:
        super().__init__(daemon=True)
        self.progress, self.ms, self.has_begun = progress, 0.0, threading.Event()

    def run(self) -> None:
        with contextlib.suppress(VoiceboxClientError):
            for ms in self.progress:
                if ms > 0:
                    self.ms = ms
                    self.has_begun.set()


@pytest.mark.parametrize(("service", "progress"), [("tts", spoken_ms), ("asr", recognised_ms)])
def test_streams_that_a_kill_broke_off_count_at_least_what_their_clients_had(tmp_path, service, progress):
    """And once each."""
    create(tmp_path / "signing.keys")
    variables = {
        "VOICEBOX_AUTH": "keys",
        "VOICEBOX_EMBEDDED": "small",
        "VOICEBOX_SIGNING_KEYS": str(tmp_path / "signing.keys"),
    }
    others = tuple({"accounts", "catalog", "tts", "asr", "gateway"} - {service})
    with platform(tmp_path / "rest", others, **variables) as rest, ExitStack() as stack:
        addresses = {f"{name.upper()}_ADDRESS": getattr(rest, name) for name in ("catalog", "accounts", *USED)}
        secret = made_locally(tmp_path / "rest", "ann", *USUAL)
        ann = stack.enter_context(Client(rest.gateway, api_key=secret))
        own = partial(platform, tmp_path / "own", (service,), **{**variables, **addresses})
        speech, came = b"", 0.0
        for _ in range(max(1, KILLS // 5)):
            with own() as running:
                if service == "asr":
                    speech = speech or ann.say(LONG_TEXT[:200], encoding="pcm", sample_rate_hz=16_000).read()
                streams = [Streamed(progress(ann, speech)) for _ in range(STREAMS)]
                for stream in streams:
                    stream.start()
                for stream in streams:
                    assert stream.has_begun.wait(60)
                os.killpg(running.process.pid, signal.SIGKILL)
                running.process.wait()
            for stream in streams:
                stream.join()
                came += stream.ms
        with own():
            count = STREAMS * max(1, KILLS // 5)
            kind = USED[service]
            eventually(lambda: {row.kind: row.work_count for row in ann.usage(by=["kind"])}.get(kind), count)
            used = {row.kind: row.amounts.audio_ms for row in ann.usage(by=["kind"])}[kind]
    assert used >= came - count * CHUNK_MS
    assert used < came + count * 20_000  # what was on its way to the clients
