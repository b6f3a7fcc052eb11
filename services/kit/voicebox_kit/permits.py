"""Admission: how many calls work at once, how many may wait, and a clear refusal for the rest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge

from .errors import Exhausted

RETRY_SECONDS = 1.0


class Permits:
    """`running` calls hold a permit at once and `waiting` more wait for one, first come first served."""

    def __init__(self, running: int, waiting: int, registry: CollectorRegistry) -> None:
        self._free = asyncio.Semaphore(running)
        self._most_running, self._most_waiting = running, waiting
        self.running = 0
        self.waiting = 0
        self._refused = Counter("voicebox_refused", "Calls refused because the queue was full.", registry=registry)
        Gauge("voicebox_streams_running", "Calls that hold a permit.", registry=registry).set_function(lambda: self.running)
        Gauge("voicebox_streams_waiting", "Calls that wait for a permit.", registry=registry).set_function(lambda: self.waiting)

    async def idle(self) -> None:
        """Wait until nobody holds a permit, and let nobody have one any more."""
        for _ in range(self._most_running):
            await self._free.acquire()

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Hold a permit; raises Exhausted("QUEUE_FULL") at once when too many wait already."""
        if self._free.locked() and self.waiting >= self._most_waiting:
            self._refused.inc()
            raise Exhausted("QUEUE_FULL", f"All {self.running} places are taken and {self.waiting} calls wait.", RETRY_SECONDS)
        self.waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
            self._free.release()
