"""Envoy's share: what the gateway adds to a call and to first audio, 64 paced streams through it, and requests per
second. flite.
"""

import asyncio
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import grpc
import httpx
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_catalog.store.opening import open_database

from bench.figures import Figure, quantile
from bench.history_rows import fill
from bench.launch import Platform, platform
from bench.openai import NATIVE, OPENAI, by_grpc, by_http
from bench.tts import TEXT

WARM_UP, RUNS = 10, 100
STREAMS = 64
SPOKEN = " ".join([TEXT] * 3)
AHEAD_SECONDS = 1.0
"""The least that a client may set: the audio comes as fast as it is played, and a delay of one second is a gap."""

BEGIN_SECONDS = 6.0
"""Listeners begin evenly within the length of a sentence: at once, all would want their sentences made at the same
moments for ever.
"""

CONNECTIONS = 16
CALLS = 4800
HISTORY_ROWS = 100_000
PATHS = {
    "/healthz": 2000,
    "/v1/tts/models": 2000,
    "/v1/voices?engine=flite": 2000,
    "/v1/voices": 2000,
    "/v1/generations?page_size=50": 500,
}
"""Lists, with the calls per second that they should reach; the history has HISTORY_ROWS."""

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

Chunks = list[tuple[float, float]]
"""When each chunk came, and the seconds of audio in it."""


def measure(folder: Path) -> list[Figure]:
    """All of it on one platform that speaks to 64 callers at once."""
    database = f"sqlite+aiosqlite:///{folder / 'history.sqlite'}"
    asyncio.run(fill_history(database))
    settings = {"TTS_STREAMS": str(STREAMS), "TTS_QUEUE": str(STREAMS), "VOICEBOX_EMBEDDED": "small"}
    with platform(folder, CATALOG_DATABASE_URL=database, **settings) as running:
        return [*shares(running), *asyncio.run(streams(running)), *asyncio.run(rates(running))]


async def fill_history(url: str) -> None:
    """A new database with HISTORY_ROWS generations."""
    async with open_database(url):
        await fill(url, HISTORY_ROWS)


def shares(running: Platform) -> list[Figure]:
    """A short call and first audio by each way: what each adds to the way before it."""
    with (
        grpc.insecure_channel(running.tts) as direct,
        grpc.insecure_channel(running.gateway) as through,
        httpx.Client(base_url=f"http://{running.gateway}") as http,
    ):
        calls = interleaved(
            {
                "gRPC direct": lambda: list_voices(direct),
                "gRPC through Envoy": lambda: list_voices(through),
                "JSON through Envoy": lambda: list_voices_by_http(http),
            }
        )
        audio = interleaved(
            {
                "gRPC direct": lambda: by_grpc(direct),
                "gRPC through Envoy": lambda: by_grpc(through),
                "JSON through Envoy": lambda: by_http(http, "/v1/speech:play", NATIVE),
                "OpenAI through Envoy": lambda: by_http(http, "/v1/audio/speech", OPENAI),
            }
        )
    return [
        *quantiles("ListVoices", calls),
        *quantiles("first audio", audio),
        added("ListVoices", calls, "gRPC through Envoy", "gRPC direct", 1),
        added("ListVoices", calls, "JSON through Envoy", "gRPC direct", 1),
        added("first audio", audio, "gRPC through Envoy", "gRPC direct", 1),
        added("first audio", audio, "JSON through Envoy", "gRPC direct", 1),
        added("first audio", audio, "OpenAI through Envoy", "JSON through Envoy", 2),
    ]


def interleaved(ways: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Milliseconds by each way, taken in turns so that noise falls on all alike."""
    times: dict[str, list[float]] = {way: [] for way in ways}
    for run in range(WARM_UP + RUNS):
        for way, measured in ways.items():
            seconds = measured()
            if run >= WARM_UP:
                times[way].append(1000 * seconds)
    return times


def quantiles(what: str, times: Mapping[str, Sequence[float]]) -> list[Figure]:
    shares = {"p50": 0.5, "p99": 0.99}
    return [
        Figure(f"gateway {what} {name}, {way}", quantile(each, share), "ms")
        for name, share in shares.items()
        for way, each in times.items()
    ]


def added(what: str, times: Mapping[str, Sequence[float]], way: str, base: str, at_most: float) -> Figure:
    difference = quantile(times[way], 0.5) - quantile(times[base], 0.5)
    return Figure(f"gateway {what} p50, {way} over {base}", difference, "ms", at_most)


def list_voices(channel: grpc.Channel) -> float:
    """Seconds for the whole call."""
    began = time.perf_counter()
    tts_pb2_grpc.TextToSpeechServiceStub(channel).ListVoices(tts_pb2.ListVoicesRequest(), timeout=60)
    return time.perf_counter() - began


def list_voices_by_http(http: httpx.Client) -> float:
    began = time.perf_counter()
    http.get("/v1/voices").raise_for_status()
    return time.perf_counter() - began


async def streams(running: Platform) -> list[Figure]:
    """Listeners direct, which is what the service alone can do, and as many through Envoy."""
    envoy = child(running.process.pid, "envoy")
    alone = await listeners(running.tts)
    before = cpu_seconds(envoy)
    through = await listeners(running.gateway)
    spent = cpu_seconds(envoy) - before
    audio_seconds = sum(seconds for chunks in through for _, seconds in chunks)
    return [
        *gaps("direct", alone, None),
        *gaps("through Envoy", through, 0),
        Figure("gateway Envoy's CPU per second of audio in a stream", 1000 * spent / audio_seconds, "ms"),
    ]


def gaps(way: str, listeners: Sequence[Chunks], at_most: float | None) -> list[Figure]:
    reserves = [reserve for chunks in listeners for reserve in reserves_seconds(chunks)]
    return [
        Figure(
            f"gateway gaps longer than the audio, {STREAMS} paced streams {way}",
            sum(reserve < 0 for reserve in reserves),
            "",
            at_most,
        ),
        Figure(f"gateway least sound in reserve when a chunk came, {way}", min(reserves), "s"),
    ]


async def listeners(address: str) -> list[Chunks]:
    """Listeners who begin one after the other, each with a player that starts with its first chunk."""
    async with grpc.aio.insecure_channel(address) as channel:
        return await asyncio.gather(*(listen(channel, BEGIN_SECONDS * each / STREAMS) for each in range(STREAMS)))


async def listen(channel: grpc.aio.Channel, delay_seconds: float) -> Chunks:
    """One listener's chunks."""
    stub = cast("tts_pb2_grpc.TextToSpeechServiceAsyncStub", tts_pb2_grpc.TextToSpeechServiceStub(channel))
    await asyncio.sleep(delay_seconds)
    audio = tts_pb2.AudioSpec(encoding=tts_pb2.AUDIO_ENCODING_PCM_S16LE)
    request = tts_pb2.StreamSynthesizeRequest(
        text=SPOKEN, ahead_seconds=AHEAD_SECONDS, config=tts_pb2.SynthesisConfig(audio=audio, store=False)
    )
    chunks = []
    async for event in stub.StreamSynthesize(request, timeout=300):
        if event.HasField("chunk"):
            chunks.append((time.perf_counter(), event.chunk.duration.ToMicroseconds() / 1e6))
    return chunks


def reserves_seconds(chunks: Chunks) -> list[float]:
    """How much audio was not yet played when each chunk but the first came; below 0 the player had stood still."""
    (began, buffered), *rest = chunks
    reserves = []
    for came, seconds in rest:
        reserves.append(buffered - (came - began))
        began += max(0.0, -reserves[-1])  # it plays on from here: one delay is one gap
        buffered += seconds
    return reserves


def child(pid: int, name: str) -> int:
    """The child process of this name."""
    children = [
        each for task in Path(f"/proc/{pid}/task").iterdir() for each in (task / "children").read_text().split()
    ]
    return next(int(each) for each in children if Path(f"/proc/{each}/comm").read_text().strip() == name)


def cpu_seconds(pid: int) -> float:
    """Seconds that the process has run, in user space and in the kernel: proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


async def rates(running: Platform) -> list[Figure]:
    """Health and list calls as fast as 16 connections get their answers, over HTTP/1.1 that is written by hand: a cheap
    client.
    """
    figures = []
    for path, wanted in PATHS.items():
        began, ran = time.perf_counter(), time.process_time()
        errors = await asyncio.gather(*(ask(running.gateway, path, CALLS // CONNECTIONS) for _ in range(CONNECTIONS)))
        seconds, busy_seconds = time.perf_counter() - began, time.process_time() - ran
        figures.append(Figure(f"gateway calls per second, {path}", CALLS / seconds, "1/s", at_least=wanted))
        figures.append(Figure(f"gateway calls that failed, {path}", sum(errors), "", 0))
        figures.append(Figure(f"gateway share of a core that the client took, {path}", busy_seconds / seconds, ""))
    return figures


async def ask(address: str, path: str, calls: int) -> int:
    """Ask for the path again and again on one connection; how many answers were not 200."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    errors = 0
    for _ in range(calls):
        writer.write(f"GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
        status, length = status_and_length(await reader.readuntil(b"\r\n\r\n"))
        await reader.readexactly(length)
        errors += status != 200
    writer.close()
    return errors


def status_and_length(head: bytes) -> tuple[int, int]:
    """The status and the bytes of the body, which the gateway sends with every unary answer."""
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    assert length, head
    return int(head.split(maxsplit=2)[1]), int(length[1])
