"""From measured streams per GPU to GPUs, pods, bytes and writes: pure.

Streams come at random (Poisson), each takes one of the streams that the GPUs carry, and one that finds none free is
refused: Erlang's loss formula (A. K. Erlang, 1917), averaged over how many GPUs work. Queues make it a little better.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

SECONDS_PER_DAY = 86_400
NEVER = 1e-12


@dataclass(frozen=True)
class Load:
    """What users do at the busiest time. `streams_per_second` begin, and each is spoken for `seconds` on average, with
    `bytes_per_second` of audio to its listener and `stored_bytes_per_second` to the history. A stream makes `writes`
    rows: its record, and its usage.
    """

    streams_per_second: float
    seconds: float = 10.0
    bytes_per_second: float = 48_000.0
    stored_bytes_per_second: float = 4_000.0
    writes: int = 2

    @property
    def offered(self) -> float:
        """Streams at a time, if none were refused (Little's law)."""
        return self.streams_per_second * self.seconds


@dataclass(frozen=True)
class Gpu:
    """What a GPU does: how many `streams` at a time it carries at the speed that you want, which only a measurement
    says; how long it works between failures, and how long a new pod loads its model, in seconds.
    """

    streams: int
    seconds_between_failures: float = 30 * SECONDS_PER_DAY
    warm_up_seconds: float = 120.0

    @property
    def availability(self) -> float:
        return self.seconds_between_failures / (self.seconds_between_failures + self.warm_up_seconds)


@dataclass(frozen=True)
class Outcome:
    """What users get, and what it takes. `refused` and `cut` are parts of the streams that begin; `carried` are streams
    at a time.
    """

    refused: float
    cut: float
    carried: float
    working_gpus: float
    bytes_per_second: float
    stored_bytes_per_day: float
    writes_per_second: float


@dataclass(frozen=True)
class Pods:
    """Of one cell: GPUs are pods of tts or asr. `gateways` holds each stream once, with one pod to spare."""

    gpus: int
    gateways: int


def blocked(offered: float, places: int) -> float:
    """The part of streams that finds all places taken, by Erlang's recursion."""
    found = 1.0
    for count in range(1, places + 1):
        found = offered * found / (count + offered * found)
    return found


def _working(gpus: int, gpu: Gpu) -> Iterator[tuple[int, float]]:
    """How many GPUs work, and in which part of the time: binomial, without what happens never."""
    share, odds = gpu.availability**gpus, (1 - gpu.availability) / gpu.availability
    for working in range(gpus, -1, -1):
        if share > NEVER:
            yield working, share
        share *= odds * working / (gpus - working + 1)


def outcome(load: Load, gpu: Gpu, gpus: int) -> Outcome:
    """What so many GPUs do for the load. A failure takes its GPU's streams with it."""
    refused = sum(share * blocked(load.offered, working * gpu.streams) for working, share in _working(gpus, gpu))
    admitted = load.streams_per_second * (1 - refused)
    cut_share = load.seconds / (load.seconds + gpu.seconds_between_failures)
    carried = admitted * load.seconds * (1 - cut_share)
    return Outcome(
        refused=refused,
        cut=(1 - refused) * cut_share,
        carried=carried,
        working_gpus=gpus * gpu.availability,
        bytes_per_second=carried * load.bytes_per_second,
        stored_bytes_per_day=carried * load.stored_bytes_per_second * SECONDS_PER_DAY,
        writes_per_second=admitted * load.writes,
    )


def needed(load: Load, gpu: Gpu, refused: float = 0.001, gateway_streams: int = 512) -> Pods:
    """The fewest GPUs with which at most that part of the streams is refused, and the pods of the gateway for them."""
    gpus = max(1, math.floor(load.offered / gpu.streams))
    while outcome(load, gpu, gpus).refused > refused:
        gpus += 1
    return Pods(gpus, 1 + math.ceil(gpus * gpu.streams / gateway_streams))


def cells(load: Load, gpu: Gpu, cell_gpus: int, cell_writes_per_second: float, refused: float = 0.001) -> int:
    """How many cells the load takes, where one has at most so many GPUs, and its database takes so many writes."""
    count = math.ceil(load.streams_per_second * load.writes / cell_writes_per_second)
    while True:
        part = replace(load, streams_per_second=load.streams_per_second / count)
        if outcome(part, gpu, cell_gpus).refused <= refused:
            return count
        count += 1
