"""Qwen3-TTS at the released models' dimensions, on a GPU: `make bench-gpu`. With --cpu on the processor, with --tiny a
small model.

Weights are random: they measure speed honestly, since a multiplication takes as long whatever the numbers are, and say
nothing.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import torch
from voicebox.models.v1 import models_pb2, models_pb2_grpc
from voicebox_tts.engines.codec_models import device
from voicebox_tts.engines.codec_models.device import Device
from voicebox_tts.engines.qwen3.model.config import FRAME_SAMPLES, SAMPLE_RATE_HZ

from bench import qwen3_checkpoint, qwen3_steps
from bench.figures import Figure, quantile
from bench.launch import platform
from bench.qwen3_load import AS_FAST_AS_MADE, AS_FAST_AS_PLAYED, LISTENED_SECONDS, ListenerTimes, Service, recording

MAX_FIRST_MS = 300.0
"""Whoever waits longer for an answer takes it for a pause."""

TARGET_SIZE = "1.7B"


@dataclass(frozen=True)
class Plan:
    """What is measured of each size. `utterances` is how many there are at least for each figure."""

    sizes: Sequence[str]
    streams: Sequence[int]
    utterances: int
    rates: Sequence[tuple[float, int]]
    """Requests per second, and how many of them."""


FULL = Plan(("0.6B", "1.7B"), (1, 4, 16, 32, 64), 128, ((1, 60), (10, 300), (20, 600)))
SLOW = Plan(("0.6B", "1.7B"), (1, 8), 2, ())
SMALL = Plan((qwen3_checkpoint.TINY,), (1, 4), 4, ((1, 5), (2, 6)))


def main() -> None:
    options = set(sys.argv[1:])
    found = device.resolve_device("qwen3", "cpu" if "--cpu" in options else "auto", "auto")
    if found.kind == "cpu" and not options:
        sys.exit(
            "bench-gpu measures a GPU, and torch finds none here; `python -m bench.qwen3_gpu --cpu` takes half an hour "
            "without one."
        )
    plan = SMALL if "--tiny" in options else FULL if found.kind == "cuda" else SLOW
    name = torch.cuda.get_device_name(found.index) if found.kind == "cuda" else "no GPU"
    print(
        f"{name}, torch {torch.__version__}, {found.compute_type}. Random weights: they measure speed honestly, and "
        "say nothing."
    )
    for size in plan.sizes:
        with TemporaryDirectory() as folder:
            for figure in measure(Path(folder), size, plan, found):
                print(figure.line, flush=True)


def measure(folder: Path, size: str, plan: Plan, found: Device) -> Iterator[Figure]:
    """One size: the service, then the official package, then what the service is made of, in this process."""
    model = folder / "models" / "qwen3" / size.lower()
    run("bench.qwen3_checkpoint", str(model), size)
    name = f"qwen3 {size}"
    settings = {
        "TTS_STREAMS": str(plan.streams[-1]),
        "TTS_QUEUE": "1000",
        "TTS_DEVICE": found.name,
        "VOICEBOX_MODELS": str(folder / "models"),
    }
    with platform(folder / "data", ("tts",), TTS_ENGINE="flite", TTS_MORE_ENGINES="qwen3", **settings) as running:
        service = Service(running.tts, f"models/qwen3/{size.lower()}", recording())
        yield from loading(name, service)
        yield from served(name, service, plan, has_targets=size == TARGET_SIZE and found.kind == "cuda")
    yield from official(name, model, found)
    yield from qwen3_steps.measure(name, model, found, plan.streams[-1])
    if found.kind == "cuda":
        torch.cuda.empty_cache()


def loading(name: str, service: Service) -> Iterator[Figure]:
    """Loaded while the service runs: its files, just written, are in the system's cache."""
    with grpc.insecure_channel(service.address) as channel:
        models = models_pb2_grpc.ModelServiceStub(channel)
        began = time.perf_counter()
        models.LoadModel(models_pb2.LoadModelRequest(name=service.model))
        yield Figure(f"{name} load, graphs included", time.perf_counter() - began, "s")
        listed = models.ListModels(models_pb2.ListModelsRequest()).models
        memory = next(each.memory_bytes for each in listed if each.name == service.model)
        yield Figure(f"{name} memory, measured", memory / 2**20, "MiB")


def served(name: str, service: Service, plan: Plan, *, has_targets: bool) -> Iterator[Figure]:
    """Streams at once as fast as they are made, as fast as they are played, and as they come."""
    asyncio.run(service.together(1, 3, AS_FAST_AS_MADE))
    for streams in plan.streams:
        times = asyncio.run(service.together(streams, -(-plan.utterances // streams), AS_FAST_AS_MADE))
        yield from of_streams(f"{name}, {streams} at once", times)
        if streams == 1:
            speed = 1 / quantile([each.factor for each in times], 0.5)
            yield Figure(
                f"{name} speed of one stream, over real time", speed, "x", at_least=10.0 if has_targets else None
            )
    yield from listeners(name, service, plan, has_targets=has_targets)
    for (per_second, requests), target in zip(plan.rates, (25.0, 32.0, 70.0), strict=False):
        times = asyncio.run(service.arriving(requests, per_second))
        yield from of_requests(f"{name}, {per_second:g} requests per second", times, target if has_targets else None)


def of_streams(name: str, times: Sequence[ListenerTimes]) -> Iterator[Figure]:
    """First audio, and the longest gap between two chunks of each stream."""
    first, gaps = [each.first_seconds for each in times], [each.longest_gap_seconds for each in times]
    for label, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        yield Figure(f"{name}: first audio {label}", 1000 * quantile(first, share), "ms")
    for label, share in (("p50", 0.5), ("p99", 0.99)):
        yield Figure(f"{name}: longest gap between chunks {label}", 1000 * quantile(gaps, share), "ms")
    yield Figure(f"{name}: underruns", sum(each.underruns for each in times), "")


def of_requests(name: str, times: Sequence[ListenerTimes], at_most: float | None) -> Iterator[Figure]:
    first = [each.first_seconds for each in times]
    yield Figure(f"{name}: first audio p50", 1000 * quantile(first, 0.5), "ms")
    yield Figure(f"{name}: first audio p95", 1000 * quantile(first, 0.95), "ms", at_most)
    yield Figure(f"{name}: underruns", sum(each.underruns for each in times), "")


def listeners(name: str, service: Service, plan: Plan, *, has_targets: bool) -> Iterator[Figure]:
    """The most of those tried who hear in real time, without a gap, and soon."""
    greatest = 0
    for streams in plan.streams:
        times = asyncio.run(service.together(streams, -(-plan.utterances // streams // 2), AS_FAST_AS_PLAYED))
        first = 1000 * quantile([each.first_seconds for each in times], 0.99)
        if first > MAX_FIRST_MS or any(each.underruns for each in times):
            break
        greatest = streams
    most = plan.streams[-1]
    label = f"{name} real-time streams of {most}, p99 <= {MAX_FIRST_MS:g} ms, no underrun"
    yield Figure(label, greatest, "", at_least=64.0 if has_targets else None)


def official(name: str, model: Path, found: Device) -> Iterator[Figure]:
    """The package's own generate on the same files, where it is installed: it gives whole waveforms, so the first sound
    is the last.
    """
    if find_spec("qwen_tts") is None:
        print(f"{name}: the official package qwen-tts is not installed, and is not compared with.")
        return
    frames = round(LISTENED_SECONDS * SAMPLE_RATE_HZ / FRAME_SAMPLES)
    seconds, audio_seconds = map(float, run("bench.qwen3_official", str(model), found.name, str(frames)).split()[-2:])
    yield Figure(f"{name}, official package: first audio, which is all", 1000 * seconds, "ms")
    yield Figure(f"{name}, official package: speed over real time", audio_seconds / seconds, "x")
    yield Figure(
        f"{name}, official package: frame", 1000 * seconds / (audio_seconds * SAMPLE_RATE_HZ / FRAME_SAMPLES), "ms"
    )


def run(module: str, *arguments: str) -> str:
    """What a script prints, in a process of its own, whose memory is free again afterwards."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments], check=True, stdout=subprocess.PIPE, text=True
    ).stdout


if __name__ == "__main__":
    main()
