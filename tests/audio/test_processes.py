"""The processes behind the decoder: how they die, and what is left of them."""

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from voicebox_audio.decoding.decoder import Decoder, open_decoder
from voicebox_audio.decoding.limits import Limits
from voicebox_audio.encoding.encoder import encode_whole, wav_header
from voicebox_audio.encoding.encodings import Encoding
from voicebox_audio.errors import AudioError, AudioReason, DecoderUnavailable

LIMITS = Limits()
FILE = encode_whole(Encoding.WAV, np.zeros(16_000, np.float32), 16_000)


@pytest.fixture
async def decoder() -> AsyncIterator[Decoder]:
    """One for each test, which may kill it."""
    async with open_decoder() as decoder:
        yield decoder


def _parents() -> dict[int, int]:
    """Every live process's parent."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            parents[int(stat.parent.name)] = int(parent) if state != "Z" else -1
    return parents


def _children(pid: int) -> list[int]:
    return [child for child, parent in _parents().items() if parent == pid]


def _fork_server() -> int:
    (fork_server,) = (
        pid
        for pid in _children(os.getpid())
        if b"voicebox_audio.decoding.fork_server_process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    return fork_server


async def _ends(pidfd: int) -> None:
    """Returns when the process has ended."""
    try:
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(pidfd, ended.set)
        async with asyncio.timeout(10):
            await ended.wait()
    finally:
        asyncio.get_running_loop().remove_reader(pidfd)
        os.close(pidfd)


async def _speaking() -> AsyncIterator[bytes]:
    """A client that has sent one second and says nothing more."""
    yield wav_header(16_000, None) + bytes(32_000)
    await asyncio.Event().wait()


async def _computing() -> AsyncIterator[bytes]:
    """A client that keeps its child busy."""
    yield wav_header(16_000, None)
    while True:
        yield bytes(1_000_000)


@pytest.mark.parametrize("client", [_speaking, _computing])
async def test_closing_a_stream_ends_its_process(client, decoder: Decoder) -> None:
    stream = decoder.stream(client(), 48_000, LIMITS)
    await anext(stream)
    (child,) = _children(_fork_server())
    pidfd = os.pidfd_open(child)
    await stream.aclose()
    await _ends(pidfd)
    assert _children(_fork_server()) == []


async def test_cancelling_the_reader_ends_its_process(decoder: Decoder) -> None:
    started = asyncio.Event()

    async def read() -> None:
        async for _ in decoder.stream(_speaking(), 16_000, LIMITS):
            started.set()

    reading = asyncio.create_task(read())
    await started.wait()
    (child,) = _children(_fork_server())
    pidfd = os.pidfd_open(child)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await _ends(pidfd)


async def test_cancelling_at_any_moment_leaves_nothing(decoder: Decoder) -> None:
    for milliseconds in np.linspace(0, 8, 40):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(milliseconds / 1000):
                await decoder.decode(FILE, 8_000, LIMITS)
    before = len(os.listdir("/proc/self/fd"))
    assert (await decoder.decode(FILE, 8_000, LIMITS)).samples.size == 8_000
    for pid in _children(_fork_server()):
        with contextlib.suppress(ProcessLookupError):
            await _ends(os.pidfd_open(pid))
    assert _children(_fork_server()) == []
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_killed_child_is_an_audio_error(decoder: Decoder) -> None:
    stream = decoder.stream(_speaking(), 16_000, LIMITS)
    await anext(stream)
    os.kill(_children(_fork_server())[0], signal.SIGKILL)
    with pytest.raises(AudioError) as error:
        async with asyncio.timeout(10):
            async for _ in stream:
                pass
    assert error.value.reason is AudioReason.AUDIO_UNREADABLE
    assert (await decoder.decode(FILE, None, LIMITS)).samples.size == 16_000


async def test_a_dead_fork_server_is_replaced_and_running_streams_go_on(decoder: Decoder) -> None:
    release = asyncio.Event()

    async def client() -> AsyncIterator[bytes]:
        yield wav_header(16_000, None) + bytes(3200)
        await release.wait()
        yield bytes(3200)

    stream = decoder.stream(client(), 16_000, LIMITS)
    decoded = (await anext(stream)).size
    first = _fork_server()
    os.kill(first, signal.SIGKILL)
    clips = await asyncio.gather(*(decoder.decode(FILE, None, LIMITS) for _ in range(5)))
    assert [clip.samples.size for clip in clips] == [16_000] * 5
    assert _fork_server() != first
    release.set()
    decoded += sum([piece.size async for piece in stream])
    assert decoded == 3200


async def test_no_child_and_no_descriptor_is_left(decoder: Decoder) -> None:
    await decoder.decode(FILE, 16_000, LIMITS)
    before = len(os.listdir("/proc/self/fd"))
    for data in (FILE, b"no audio at all", FILE[:30]) * 10:
        with contextlib.suppress(AudioError):
            await decoder.decode(data, 16_000, LIMITS)
    assert len(os.listdir("/proc/self/fd")) == before
    assert not [pid for pid, parent in _parents().items() if parent == -1 and pid in _children(_fork_server())]


async def test_closing_the_decoder_ends_the_fork_server() -> None:
    async with open_decoder():
        pidfd = os.pidfd_open(_fork_server())
    await _ends(pidfd)


async def test_a_fork_server_that_cannot_start_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(DecoderUnavailable):
        async with open_decoder():
            pass


def test_nothing_outlives_a_killed_caller() -> None:
    code = """
import asyncio
from voicebox_audio.decoding.decoder import open_decoder
from voicebox_audio.encoding.encoder import wav_header
from voicebox_audio.decoding.limits import Limits

async def client():
    yield wav_header(16000, None)
    while True:
        yield bytes(32000)

async def main():
    async with open_decoder() as decoder:
        stream = decoder.stream(client(), 48000, Limits(max_seconds=1e9))
        await anext(stream)
        print("decoding", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as caller:
        assert caller.stdout is not None
        caller.stdout.readline()
        (fork_server,) = _children(caller.pid)
        (child,) = _children(fork_server)
        pidfds = [os.pidfd_open(pid) for pid in (fork_server, child)]
        caller.kill()
    for pidfd in pidfds:
        assert select.select([pidfd], [], [], 10)[0]
        os.close(pidfd)


async def test_a_child_can_do_nothing_but_compute(decoder: Decoder) -> None:
    stream = decoder.stream(_speaking(), 16_000, LIMITS)
    await anext(stream)
    (child,) = _children(_fork_server())
    limits = {
        line[:25].strip(): line[25:].split()[0] for line in Path(f"/proc/{child}/limits").read_text().splitlines()
    }
    assert {limits[name] for name in ("Max open files", "Max file size", "Max core file size", "Max processes")} == {
        "0"
    }
    assert limits["Max cpu time"] == "60"
    assert int(limits["Max address space"]) < 2 * 1024**3
    assert "NoNewPrivs:\t1" in Path(f"/proc/{child}/status").read_text()
    names = {line.partition("=")[0] for line in Path(f"/proc/{child}/environ").read_text().split("\0") if line}
    assert names == {"PYTHONPATH", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"}
    assert len(os.listdir(f"/proc/{child}/fd")) == 5  # standard input, output and error, the socket, the lifeline
    await stream.aclose()


def test_the_callers_process_loads_no_codec_library() -> None:
    code = """
import asyncio, sys
from voicebox_audio.decoding.decoder import open_decoder
from voicebox_audio.encoding.encoder import wav_header
from voicebox_audio.decoding.limits import Limits

async def main():
    async with open_decoder() as decoder:
        clip = await decoder.decode(wav_header(16000, 8000) + bytes(16000), 8000, Limits())
        assert clip.samples.size == 4000

asyncio.run(main())
sys.exit("av" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-X", "dev", "-W", "error", "-c", code], check=False).returncode == 0
