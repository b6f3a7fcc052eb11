"""tts under load: flite with more callers than cores, against the bare engine on the same cores in turns."""

from __future__ import annotations  # grpc's aio stubs exist for type checkers only

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc

from bench.figures import Figure, quantile
from bench.gateway import reserves_seconds
from bench.launch import Platform
from bench.tts import TEXT

ROUNDS, ROUND_SECONDS = 4, 3.0
PCM = tts_pb2.AudioSpec(encoding=tts_pb2.AUDIO_ENCODING_PCM_S16LE)
PROMISE_SECONDS, REFUSED_SECONDS = 2.0, 0.05
AT_CAPACITY, OVERLOADED = 8, 64
"""Callers that ask again as soon as they are served: fewer than may wait, and more than can be served in
time.
"""


@dataclass
class Served:
    """What callers received: of each stream its chunks as (second after the call, seconds of audio), and how long
    refusals took.
    """

    streams: list[Sequence[tuple[float, float]]] = field(default_factory=list)
    refusals_seconds: list[float] = field(default_factory=list)

    @property
    def sound_seconds(self) -> float:
        return sum(seconds for stream in self.streams for _, seconds in stream)

    @property
    def gaps(self) -> int:
        """Streams of which a chunk came after the audio before it was over."""
        return sum(min(reserves_seconds(list(stream))) < 0 for stream in self.streams)


def measure(running: Platform) -> list[Figure]:
    """Throughput and gaps at capacity, then what callers see when there are too many of them."""
    alone, bare, served, at_capacity, overload = 0.0, 0.0, 0.0, Served(), Served()
    cores = len(os.sched_getaffinity(0))
    for _ in range(ROUNDS):
        alone += bare_seconds(1) / ROUNDS
        bare += bare_seconds(cores) / ROUNDS
        before = at_capacity.sound_seconds
        asyncio.run(callers(running.tts, AT_CAPACITY, at_capacity))
        served += (at_capacity.sound_seconds - before) / ROUNDS
    asyncio.run(callers(running.tts, OVERLOADED, overload))
    firsts = [stream[0][0] for stream in overload.streams]
    refused = overload.refusals_seconds
    return [
        Figure(
            f"flite on {cores} cores, {AT_CAPACITY} callers, over the bare engine on as many",
            served / bare,
            "",
            at_least=0.9,
        ),
        Figure(
            f"flite on {cores} cores, {AT_CAPACITY} callers, over the bare engine on one core",
            served / alone,
            "",
            at_least=0.9 * cores,
        ),
        Figure(f"flite, {AT_CAPACITY} callers: sound per second", served / ROUND_SECONDS, "s"),
        Figure(
            f"flite, {AT_CAPACITY} callers: streams with a gap of {len(at_capacity.streams)}", at_capacity.gaps, "", 0
        ),
        Figure(f"flite, {OVERLOADED} callers: streams with a gap of {len(overload.streams)}", overload.gaps, "", 0),
        Figure(f"flite, {OVERLOADED} callers: first audio p99", quantile(firsts, 0.99), "s", PROMISE_SECONDS),
        Figure(
            f"flite, {OVERLOADED} callers: {len(refused)} refusals, p99",
            1000 * quantile(refused or [0.0], 0.99),
            "ms",
            1000 * REFUSED_SECONDS,
        ),
    ]


async def callers(address: str, count: int, served: Served) -> None:
    """So many callers for ROUND_SECONDS; one that is refused tries again after the time in the error."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub: tts_pb2_grpc.TextToSpeechServiceAsyncStub = tts_pb2_grpc.TextToSpeechServiceStub(channel)  # type: ignore[assignment]
        end = time.perf_counter() + ROUND_SECONDS
        await asyncio.gather(*(_caller(stub, end, served) for _ in range(count)))


async def _caller(stub: tts_pb2_grpc.TextToSpeechServiceAsyncStub, end: float, served: Served) -> None:
    request = tts_pb2.StreamSynthesizeRequest(text=TEXT, config=tts_pb2.SynthesisConfig(audio=PCM, store=False))
    while (began := time.perf_counter()) < end:
        chunks = list[tuple[float, float]]()
        try:
            async for event in stub.StreamSynthesize(request):
                if event.HasField("chunk"):
                    chunks.append((time.perf_counter() - began, event.chunk.duration.ToMicroseconds() / 1e6))
            served.streams.append(chunks)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                raise
            served.refusals_seconds.append(time.perf_counter() - began)
            await asyncio.sleep(0.5)


def bare_seconds(cores: int) -> float:
    """Seconds of audio that the engine makes in ROUND_SECONDS, a process on each core."""
    command = [sys.executable, "-m", "bench.flite_alone", str(ROUND_SECONDS)]
    alone = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(cores)]
    return sum(float(each.communicate()[0]) for each in alone)
