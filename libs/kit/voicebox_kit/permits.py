"""Admission: how many calls work at once, how many may wait and for how long, and a clear refusal for the rest.

Callers share fairly. Of the calls that wait, the next is one whose caller holds the fewest permits, and of those the
one whose last was granted before the others'. A call that waits for its caller, to send or to take something, gives its
permit back meanwhile: after STALLED_SECONDS, or at once where another caller has none.
"""

import asyncio
import itertools
import math
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import prometheus_client
from prometheus_client import CollectorRegistry, Gauge, Histogram

from . import call_log, caller
from .errors import Exhausted
from .hold_times import Hold, HoldTimes
from .metrics import WAIT_BUCKETS_SECONDS

RETRY_SECONDS = 1.0
CAUTION = 3.0
"""A caller whose expected wait exceeds its patience divided by this is refused: hold times differ, and an immediate
refusal is better than a late one.
"""
STALLED_SECONDS = 1.0
"""How long a call that waits for its caller keeps its permit."""
MIN_LENT = 16
"""So many calls, or as many as there are permits, may be without the permit that they had: each keeps its session of an
engine.
"""

MAX_REMEMBERED = 4096
"""Callers of whom it is known when their last permit was granted."""

T = TypeVar("T")


class Permit:
    """What a call holds while it runs."""

    def __init__(self, permits: "Permits", own: str) -> None:
        self._permits, self.caller = permits, own
        self.hold: Hold | None = None
        self.is_ended = False
        self._task: asyncio.Task[object] | None = None

    @asynccontextmanager
    async def idle(self) -> AsyncIterator[None]:
        """Surrounds a wait for the caller. Where the permit was given back meanwhile, another is awaited afterwards.
        Exhausted("STALLED") when too many other calls wait so.
        """
        if self._permits.is_wanted_from(self):
            self._give_back()
        timer = asyncio.get_running_loop().call_later(STALLED_SECONDS, self._give_back)
        self._task = asyncio.current_task()
        try:
            yield
        except asyncio.CancelledError:
            if self.is_ended and self._task and not self._task.uncancel():
                raise Exhausted("STALLED", "At capacity: this call kept the server waiting.", RETRY_SECONDS) from None
            raise
        finally:
            timer.cancel()
            self._task = None
        if self.hold is None:
            await self._permits.take_back(self)

    def end(self) -> None:
        """End the call, which waits for its caller."""
        if self._task:
            self.is_ended = True
            self._task.cancel()

    def _give_back(self) -> None:
        if self.hold is not None:
            self._permits.lend(self)


async def idle_between(permit: Permit, items: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """The items, which come from the caller: the permit is idle while one is awaited."""
    while True:
        try:
            async with permit.idle():
                item = await anext(items)
        except StopAsyncIteration:
            return
        yield item


@dataclass(eq=False)
class _Waiter:
    """A call that waits for a permit, perhaps for one that it had before."""

    permit: Permit
    has_begun: bool
    granted: asyncio.Future[None]


class Permits:
    """`running` calls hold a permit at once, and `waiting` more wait for their first one.

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
        self._max_running, self._max_waiting = running, waiting
        self._patience_seconds, self._clock = patience_seconds, clock
        self._hold_times = HoldTimes()
        self._held: dict[Permit, Hold] = {}
        self._held_by = Counter[str]()
        self._last_turn = dict[str, int]()  # of each caller, those of long ago first
        self._turns = itertools.count(1)
        self._lent: dict[Permit, None] = {}  # in the order in which they were lent
        self._waiters: list[_Waiter] = []
        self._is_closed = False
        self._released = asyncio.Event()
        self._refused = prometheus_client.Counter(
            "voicebox_refused", "Calls refused because the queue was full or too slow.", registry=registry
        )
        self._queue_seconds = Histogram(
            "voicebox_queue_seconds",
            "How long calls that got a permit waited for it.",
            registry=registry,
            buckets=WAIT_BUCKETS_SECONDS,
        )
        running_now = Gauge("voicebox_streams_running", "Calls that hold a permit.", registry=registry)
        running_now.set_function(lambda: self.running)
        waiting_now = Gauge("voicebox_streams_waiting", "Calls that wait for a permit.", registry=registry)
        waiting_now.set_function(lambda: self.waiting)
        stalled = Gauge("voicebox_streams_stalled", "Calls that wait for their callers.", registry=registry)
        stalled.set_function(lambda: len(self._lent))

    @property
    def running(self) -> int:
        """How many hold a permit."""
        return len(self._held)

    @property
    def waiting(self) -> int:
        """How many wait for their first permit."""
        return sum(not waiter.has_begun for waiter in self._waiters)

    @property
    def expected_wait_seconds(self) -> float:
        """How long the current caller's next call will wait for a permit."""
        if self._has_free:
            return 0.0
        now, mean = self._clock(), self._hold_times.expected_seconds(self._max_running)
        ages = (now - hold.since for hold in self._held.values())
        remaining = sorted(max(mean - age, age / 2) for age in ages)
        ahead = self._ahead_of(caller.current.get())
        rounds, turn = divmod(ahead, max(len(remaining), 1))
        by_age = rounds * mean + (remaining[turn] if remaining else mean)
        return max(by_age, mean * (ahead + 1) / self._max_running)  # those that began together do not end together

    async def limit(self, running: int) -> None:
        """Set how many permits there are from now on; waits until enough are released, where it is fewer
        than before.
        """
        self._max_running = running
        self._grant()
        while self.running > running:
            await self._released.wait()

    async def idle(self) -> None:
        """Wait until no call runs, and grant no more permits."""
        self._is_closed = True
        while self._held or self._lent:
            await self._released.wait()

    @asynccontextmanager
    async def acquire(self, patience_seconds: float = math.inf) -> AsyncIterator[Permit]:
        """Hold a permit. Raises, at once, Exhausted("QUEUE_FULL") when too many wait already, and
        Exhausted("WAIT_TOO_LONG") when the wait is expected to be too long; the latter, too, when it was.
        """
        patience_seconds = min(patience_seconds, self._patience_seconds)
        self.refuse_at_once(patience_seconds)
        permit = Permit(self, caller.current.get())
        arrival = self._clock()
        await self._wait(permit, patience_seconds)
        waited = self._clock() - arrival
        call_log.add("queue_seconds", waited)
        self._queue_seconds.observe(waited)
        try:
            yield permit
        finally:
            self._lent.pop(permit, None)
            self._release(permit)

    def refuse_at_once(self, patience_seconds: float = math.inf) -> None:
        """Raise what `acquire` would raise at once."""
        patience_seconds = min(patience_seconds, self._patience_seconds)
        if self._has_free:
            return
        if self.waiting >= self._max_waiting and not self._make_room(caller.current.get()):
            raise self._full()
        if self._is_next(caller.current.get()):
            return
        if (expected := self.expected_wait_seconds) * CAUTION > patience_seconds:
            raise self._too_long(expected, patience_seconds)

    def is_wanted_from(self, permit: Permit) -> bool:
        """Whether a call of another caller waits that has none, or two fewer than this permit's."""
        own = self._held_by[permit.caller]
        others = (self._held_by[each.permit.caller] for each in self._waiters if each.permit.caller != permit.caller)
        return any(count == 0 or count + 1 < own for count in others)

    def lend(self, permit: Permit) -> None:
        """Give a permit back for as long as its call waits for the caller. Where too many do, the first of the caller
        that has most of them ends.
        """
        if len(self._lent) >= max(self._max_running, MIN_LENT):
            lent = [each for each in self._lent if not each.is_ended]
            [(most, _)] = Counter(each.caller for each in lent).most_common(1) or [("", 0)]
            for each in [each for each in lent if each.caller == most][:1]:
                each.end()
        self._lent[permit] = None
        self._release(permit)

    async def take_back(self, permit: Permit) -> None:
        """Wait for a permit in place of one that was lent."""
        if not self._is_closed:
            await self._take(permit, has_begun=True)
        del self._lent[permit]

    @property
    def _has_free(self) -> bool:
        return self.running < self._max_running and not self._waiters and not self._is_closed

    def _is_next(self, own: str) -> bool:
        """Whether this caller has nothing yet, so that another one's call gives it its permit as soon as it can."""
        has_place = any(each.permit.caller == own for each in self._waiters)
        return not has_place and not self._held_by[own] and bool(self._held)

    def _ahead_of(self, own: str) -> int:
        """How many first permits are granted before the next of this caller, as callers take turns."""
        waiting = Counter(each.permit.caller for each in self._waiters if not each.has_begun)
        own_waiting = waiting.pop(own, 0)
        return own_waiting + sum(min(count, own_waiting + 1) for count in waiting.values())

    def _make_room(self, own: str) -> bool:
        """Refuse the newest call of the caller that has most places, where it has two more than this one."""
        places = self._held_by + Counter(each.permit.caller for each in self._waiters)
        for waiter in reversed(self._waiters):
            if not waiter.has_begun and places[waiter.permit.caller] == max(places.values()) > places[own] + 1:
                self._waiters.remove(waiter)
                waiter.granted.set_exception(self._full())
                return True
        return False

    async def _wait(self, permit: Permit, patience_seconds: float) -> None:
        try:
            async with asyncio.timeout(None if patience_seconds == math.inf else max(patience_seconds, 0.0)):
                await self._take(permit, has_begun=False)
        except TimeoutError as error:
            raise self._too_long(self.expected_wait_seconds, patience_seconds) from error

    async def _take(self, permit: Permit, *, has_begun: bool) -> None:
        if self._has_free:
            self._hold(permit)
            return
        waiter = _Waiter(permit, has_begun, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        try:
            await waiter.granted
        except BaseException:
            self._release(permit)  # it may have been granted as the call left
            raise
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def _grant(self) -> None:
        """Grant what is free: to the callers by turns, and of one caller to who has begun first, then first come first
        served.
        """
        while self._waiters and self.running < self._max_running and not self._is_closed:
            waiter = min(self._waiters, key=self._order)
            self._waiters.remove(waiter)
            if not waiter.granted.done():
                self._hold(waiter.permit)
                waiter.granted.set_result(None)

    def _order(self, waiter: _Waiter) -> tuple[int, int, bool]:
        own = waiter.permit.caller
        return self._held_by[own], self._last_turn.get(own, 0), not waiter.has_begun

    def _hold(self, permit: Permit) -> None:
        permit.hold = self._held[permit] = Hold(self._clock())
        self._held_by[permit.caller] += 1
        self._last_turn.pop(permit.caller, None)
        self._last_turn[permit.caller] = next(self._turns)
        if len(self._last_turn) > MAX_REMEMBERED:
            del self._last_turn[next(iter(self._last_turn))]
        for each in self._held.values():
            each.running = max(each.running, self.running)

    def _release(self, permit: Permit) -> None:
        if hold := self._held.pop(permit, None):
            permit.hold = None
            self._held_by[permit.caller] -= 1
            self._held_by += Counter()  # without those that hold none
            self._hold_times.note(self._clock() - hold.since, hold.running)
            self._grant()
        self._released.set()
        self._released.clear()

    def _full(self) -> Exhausted:
        self._refused.inc()
        sentence = f"The server is at capacity: {self.running} calls run and {self.waiting} wait."
        return Exhausted("QUEUE_FULL", sentence, RETRY_SECONDS)

    def _too_long(self, expected_seconds: float, patience_seconds: float) -> Exhausted:
        self._refused.inc()
        sentence = (
            f"At capacity: the expected wait is {expected_seconds:.1f} s; the caller waits for {patience_seconds:.1f} "
            "s."
        )
        return Exhausted("WAIT_TOO_LONG", sentence, max(expected_seconds, 0.1))
