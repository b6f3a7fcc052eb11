"""Admission: how many calls work at once, how many may wait and for how long, and a clear refusal for the rest."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge

from .errors import Exhausted

RETRY_SECONDS = 1.0
FIRST_HOLD_SECONDS = 0.5
"""The assumed hold time of a permit, with all permits in use, before any was released."""
MEMORY = 0.2
"""The weight of the newest hold in the mean."""
CAUTION = 3.0
"""A caller whose expected wait exceeds its patience divided by this is refused: hold times differ, and an immediate
refusal is better than a late one.
"""


@dataclass
class _Hold:
    """A permit in use: since when, and the most that were in use at once meanwhile, itself included."""

    since: float
    running: int = 0


class _HoldTimes:
    """How long permits are held, by how many are in use at once: calls that share the cores take longer, the more of
    them there are.
    """

    def __init__(self) -> None:
        self._shares = dict[int, float]()  # seconds of a hold for each call that ran, by the bits of their number

    def note(self, seconds: float, running: int) -> None:
        """Record a hold time, and the most permits that were in use meanwhile."""
        share = seconds / running
        mean = self._shares.setdefault(running.bit_length(), share)
        self._shares[running.bit_length()] = mean + MEMORY * (share - mean)

    def expected_seconds(self, running: int) -> float:
        """The mean hold time with this many in use; where that was never seen, the mean of fewer, scaled."""
        known = [bits for bits in self._shares if bits <= running.bit_length()]
        return self._shares[max(known)] * running if known else FIRST_HOLD_SECONDS


class Permits:
    """`running` calls hold a permit at once and `waiting` more wait for one, first come first served.

    No call waits longer than `patience_seconds`, or than the caller's own patience. One that is expected to is refused
    at once: a permit is expected back when it was held as long as the last ones in the mean that ran beside as many
    others, or, where it is overdue, after half of its age.
    """

    def __init__(
        self,
        running: int,
        waiting: int,
        registry: CollectorRegistry,
        patience_seconds: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._free = asyncio.Semaphore(running)
        self._max_running, self._max_waiting = running, waiting
        self._patience_seconds, self._clock = patience_seconds, clock
        self._hold_times = _HoldTimes()
        self._held: list[_Hold] = []
        self.waiting = 0
        self._refused = Counter(
            "voicebox_refused", "Calls refused because the queue was full or too slow.", registry=registry
        )
        Gauge("voicebox_streams_running", "Calls that hold a permit.", registry=registry).set_function(
            lambda: self.running
        )
        Gauge("voicebox_streams_waiting", "Calls that wait for a permit.", registry=registry).set_function(
            lambda: self.waiting
        )

    @property
    def running(self) -> int:
        """How many hold a permit."""
        return len(self._held)

    @property
    def expected_wait_seconds(self) -> float:
        """How long the next caller will wait for a permit."""
        if not self._free.locked():
            return 0.0
        now, mean = self._clock(), self._hold_times.expected_seconds(self._max_running)
        remaining = sorted(max(mean - (now - hold.since), (now - hold.since) / 2) for hold in self._held)
        rounds, turn = divmod(self.waiting, max(len(remaining), 1))
        by_age = rounds * mean + (remaining[turn] if remaining else mean)
        return max(
            by_age, mean * (self.waiting + 1) / self._max_running
        )  # those that began together do not end together

    async def limit(self, running: int) -> None:
        """Set how many permits there are from now on; waits until enough are released, where it is fewer
        than before.
        """
        more = running - self._max_running
        self._max_running = running
        for _ in range(more):
            self._free.release()
        for _ in range(-more):
            await self._free.acquire()

    async def idle(self) -> None:
        """Wait until no permit is in use, and grant no more."""
        for _ in range(self._max_running):
            await self._free.acquire()

    @asynccontextmanager
    async def acquire(self, patience_seconds: float = math.inf) -> AsyncIterator[None]:
        """Hold a permit. Raises, at once, Exhausted("QUEUE_FULL") when too many wait already, and
        Exhausted("WAIT_TOO_LONG") when the wait is expected to be too long; the latter, too, when it was.
        """
        patience_seconds = min(patience_seconds, self._patience_seconds)
        self.refuse_at_once(patience_seconds)
        await self._wait(patience_seconds)
        hold = _Hold(self._clock())
        self._held.append(hold)
        for each in self._held:
            each.running = max(each.running, self.running)
        try:
            yield
        finally:
            self._held = [each for each in self._held if each is not hold]
            self._hold_times.note(self._clock() - hold.since, hold.running)
            self._free.release()

    def refuse_at_once(self, patience_seconds: float = math.inf) -> None:
        """Raise what `acquire` would raise at once."""
        patience_seconds = min(patience_seconds, self._patience_seconds)
        if not self._free.locked():
            return
        if self.waiting >= self._max_waiting:
            self._refused.inc()
            raise Exhausted(
                "QUEUE_FULL",
                f"The server is at capacity: {self.running} calls run and {self.waiting} wait.",
                RETRY_SECONDS,
            )
        if (expected := self.expected_wait_seconds) * CAUTION > patience_seconds:
            raise self._too_long(expected, patience_seconds)

    async def _wait(self, patience_seconds: float) -> None:
        self.waiting += 1
        try:
            async with asyncio.timeout(None if patience_seconds == math.inf else max(patience_seconds, 0.0)):
                await self._free.acquire()
        except TimeoutError as error:
            raise self._too_long(self.expected_wait_seconds, patience_seconds) from error
        finally:
            self.waiting -= 1

    def _too_long(self, expected_seconds: float, patience_seconds: float) -> Exhausted:
        self._refused.inc()
        sentence = (
            f"At capacity: the expected wait is {expected_seconds:.1f} s; the caller waits for {patience_seconds:.1f} "
            "s."
        )
        return Exhausted("WAIT_TOO_LONG", sentence, max(expected_seconds, 0.1))
