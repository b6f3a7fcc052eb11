"""The same as the formula, stream by stream: a discrete-event simulation of arrivals, failures and warm-up."""

import random
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

from .formula import SECONDS_PER_DAY, Gpu, Load, Outcome

Steps = Generator[simpy.Event, Any, None]


@dataclass
class _Pod:
    """One GPU and the streams that it carries."""

    is_ready: bool = True
    running: set[simpy.Process] = field(default_factory=set)


@dataclass
class Run:
    """What happened. `samples` are (time in seconds, running streams, working GPUs)."""

    began: int = 0
    refused: int = 0
    cut: int = 0
    stream_seconds: float = 0.0
    gpu_seconds: float = 0.0
    samples: list[tuple[float, int, int]] = field(default_factory=list)


def simulate(load: Load, gpu: Gpu, gpus: int, seconds: float, seed: int, sample_seconds: float = 1.0) -> Run:
    """The load on so many GPUs for so long, all of them working at first and none with a stream."""
    environment, chance, run = simpy.Environment(), random.Random(seed), Run()
    pods = [_Pod() for _ in range(gpus)]
    environment.process(_arrivals(environment, chance, load, gpu, pods, run))
    for pod in pods:
        environment.process(_failures(environment, chance, gpu, pod))
    environment.process(_sampling(environment, pods, run, sample_seconds))
    environment.run(until=seconds)
    run.gpu_seconds = sum(working for _, _, working in run.samples) * sample_seconds
    run.stream_seconds = sum(running for _, running, _ in run.samples) * sample_seconds
    return run


def measured(run: Run, load: Load, seconds: float) -> Outcome:
    """What the simulation says where the formula computes."""
    carried = run.stream_seconds / seconds
    return Outcome(
        refused=run.refused / run.began,
        cut=run.cut / run.began,
        carried=carried,
        working_gpus=run.gpu_seconds / seconds,
        bytes_per_second=carried * load.bytes_per_second,
        stored_bytes_per_day=carried * load.stored_bytes_per_second * SECONDS_PER_DAY,
        writes_per_second=(run.began - run.refused) * load.writes / seconds,
    )


def _arrivals(
    environment: simpy.Environment, chance: random.Random, load: Load, gpu: Gpu, pods: list[_Pod], run: Run
) -> Steps:
    while True:
        yield environment.timeout(chance.expovariate(load.streams_per_second))
        run.began += 1
        free = [pod for pod in pods if pod.is_ready and len(pod.running) < gpu.streams]
        if not free:
            run.refused += 1
            continue
        pod = min(free, key=lambda each: len(each.running))  # as the gateway does it
        # Speech is of all lengths: lognormal, whose mean is exp(mu + sigma^2 / 2).
        length = load.seconds * chance.lognormvariate(-0.5, 1.0)
        pod.running.add(environment.process(_stream(environment, length, pod, run)))


def _stream(environment: simpy.Environment, seconds: float, pod: _Pod, run: Run) -> Steps:
    own = environment.active_process
    try:
        yield environment.timeout(seconds)
    except simpy.Interrupt:
        run.cut += 1
    finally:
        pod.running.discard(own)


def _failures(environment: simpy.Environment, chance: random.Random, gpu: Gpu, pod: _Pod) -> Steps:
    while True:
        yield environment.timeout(chance.expovariate(1 / gpu.seconds_between_failures))
        pod.is_ready = False
        for stream in list(pod.running):
            stream.interrupt()
        yield environment.timeout(gpu.warm_up_seconds)
        pod.is_ready = True


def _sampling(environment: simpy.Environment, pods: list[_Pod], run: Run, seconds: float) -> Steps:
    while True:
        running, working = sum(len(pod.running) for pod in pods), sum(pod.is_ready for pod in pods)
        run.samples.append((environment.now, running, working))
        yield environment.timeout(seconds)
