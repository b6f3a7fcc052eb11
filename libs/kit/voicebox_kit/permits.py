"""Admission: how many calls work at once, how many may wait and for how long, and a clear refusal for the rest."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge

from .errors import Exhausted

RETRY_SECONDS = 1.0
FIRST_HOLD_SECONDS = 0.5
"""How long a permit is taken to be held before any was given back."""
MEMORY = 0.2
"""The share of the newest hold in the mean."""
CAUTION = 2.0
"""Who is expected to wait for its patience divided by this is refused: holds differ, and a refusal at once is better
than one late.
"""


class Permits:
    """`running` calls hold a permit at once and `waiting` more wait for one, first come first served.

    Nobody waits for longer than `patience_seconds`, or than the caller's own patience. Who is expected to is refused at
    once: a permit is expected back when it was held as long as the last ones in the mean, or, where it is overdue,
    after half of its age.
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
        self._most_running, self._most_waiting = running, waiting
        self._patience_seconds, self._clock = patience_seconds, clock
        self._mean_hold_seconds = FIRST_HOLD_SECONDS
        self._since = dict[object, float]()
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
        return len(self._since)

    @property
    def expected_wait_seconds(self) -> float:
        """How long the next caller will wait for a permit."""
        if not self._free.locked():
            return 0.0
        now, mean = self._clock(), self._mean_hold_seconds
        remaining = sorted(max(mean - (now - since), (now - since) / 2) for since in self._since.values())
        rounds, turn = divmod(self.waiting, max(len(remaining), 1))
        by_age = rounds * mean + (remaining[turn] if remaining else mean)
        return max(
            by_age, mean * (self.waiting + 1) / self._most_running
        )  # those that began together do not end together

    async def limit(self, running: int) -> None:
        """Let so many calls hold a permit at once from now on; waits until enough gave theirs back, where it is fewer
        than before.
        """
        more = running - self._most_running
        self._most_running = running
        for _ in range(more):
            self._free.release()
        for _ in range(-more):
            await self._free.acquire()

    async def idle(self) -> None:
        """Wait until nobody holds a permit, and let nobody have one any more."""
        for _ in range(self._most_running):
            await self._free.acquire()

    @asynccontextmanager
    async def take(self, patience_seconds: float = math.inf) -> AsyncIterator[None]:
        """Hold a permit. Raises, at once, Exhausted("QUEUE_FULL") when too many wait already, and
        Exhausted("WAIT_TOO_LONG") when the wait is expected to be too long; the latter, too, when it was.
        """
        patience_seconds = min(patience_seconds, self._patience_seconds)
        self._refuse_at_once(patience_seconds)
        await self._wait(patience_seconds)
        place = object()
        self._since[place] = self._clock()
        try:
            yield
        finally:
            self._note(self._clock() - self._since.pop(place))
            self._free.release()

    def _refuse_at_once(self, patience_seconds: float) -> None:
        if not self._free.locked():
            return
        if self.waiting >= self._most_waiting:
            self._refused.inc()
            raise Exhausted(
                "QUEUE_FULL", f"All {self.running} places are taken and {self.waiting} calls wait.", RETRY_SECONDS
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
        sentence = f"A place is expected to be free in {expected_seconds:.1f} s; the caller waits for {patience_seconds:.1f} s."
        return Exhausted("WAIT_TOO_LONG", sentence, max(expected_seconds, 0.1))

    def _note(self, hold_seconds: float) -> None:
        self._mean_hold_seconds += MEMORY * (hold_seconds - self._mean_hold_seconds)
