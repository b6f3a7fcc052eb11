"""One loop reads new events for everybody who watches."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager

from voicebox_kit import caller
from voicebox_kit.errors import Exhausted

from voicebox_jobs.store.events import PAGE, EventStore
from voicebox_jobs.store.tables import Event

POLL_SECONDS = 0.1
RECENT = 2000
"""Events that are held for watchers who are nearly up to date; others read the database."""
MAX_OF_CALLER = 256
"""Watchers: each is woken by every event, whoever it is of."""
RETRY_SECONDS = 10.0

Wanted = Callable[[Event], bool]


class Watchers:
    """Whoever watches. Without one the loop stands still, and the database is not asked."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._recent: deque[Event] = deque(maxlen=RECENT)
        self._count = Counter[str]()  # by caller
        self._somebody = asyncio.Event()
        self._news = asyncio.Condition()
        self._position: int | None = None

    async def follow(self) -> None:
        """The loop. Never ends."""
        while True:
            await self._somebody.wait()
            await self._look()
            await asyncio.sleep(POLL_SECONDS)

    async def watch(
        self, after: int | None, wanted: Wanted, *, job_key: int | None = None, owner: str | None = None
    ) -> AsyncIterator[Event]:
        """The events after a number, None for new ones alone, as they come. Never ends. Exhausted("WATCHERS_EXHAUSTED")
        for a caller who has MAX_OF_CALLER already.
        """
        with self._watching():
            position = await self._newest() if after is None else after
            while True:
                newest = await self._newest()
                held = self._held(position)
                found = await self._store.after(position, job_key=job_key, owner=owner) if held is None else held
                is_all = held is not None or len(found) < PAGE
                for event in found:
                    if event.sequence > position and wanted(event):
                        position = event.sequence
                        yield event
                if is_all:
                    position = max(position, newest)
                    await self._wait(position)

    async def _look(self) -> None:
        """Read what is new, and wake those who wait for it."""
        if self._position is None:
            position = await self._store.newest()
        else:
            found: Sequence[Event] = await self._store.after(self._position)
            self._recent.extend(found)
            position = found[-1].sequence if found else self._position
        if position != self._position:
            async with self._news:
                self._position = position
                self._news.notify_all()

    async def _newest(self) -> int:
        async with self._news:
            await self._news.wait_for(lambda: self._position is not None)
            assert self._position is not None
            return self._position

    async def _wait(self, position: int) -> None:
        async with self._news:
            await self._news.wait_for(lambda: self._position is not None and self._position > position)

    def _held(self, position: int) -> list[Event] | None:
        """The events after a number from memory; None when they are not all there."""
        if not self._recent or self._recent[0].sequence > position + 1:
            return None
        return [event for event in self._recent if event.sequence > position]

    @contextmanager
    def _watching(self) -> Iterator[None]:
        own = caller.current.get()
        if self._count[own] >= MAX_OF_CALLER:
            sentence = f"{MAX_OF_CALLER} calls watch for this caller already."
            raise Exhausted("WATCHERS_EXHAUSTED", sentence, RETRY_SECONDS)
        if not self._count.total():
            self._position = None
            self._recent.clear()
        self._count[own] += 1
        self._somebody.set()
        try:
            yield
        finally:
            self._count[own] -= 1
            if not self._count[own]:
                del self._count[own]
            if not self._count:
                self._somebody.clear()
