"""One caller who wants much leaves the others their turn."""

import asyncio
from contextlib import aclosing, suppress
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from voicebox_jobs.api.watchers import MAX_OF_CALLER, Watchers
from voicebox_jobs.inputs.check import Checker
from voicebox_jobs.store.tables import Event
from voicebox_kit import caller
from voicebox_kit.errors import Exhausted
from voicebox_kit.permits import Permits

FOUND = SimpleNamespace(
    container="wav", duration_seconds=1.0, sample_rate_hz=16_000, channel_count=1, cut_short=False,
    is_over_full_scale=False, not_numbers=0,
)  # fmt: skip


class SlowDecoder:
    """Ends a file each time that it is told to, and remembers whose came in which order."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.ends = asyncio.Semaphore(0)
        self.source = FOUND

    def stream(self, *_: object) -> "SlowDecoder":
        self.order.append(caller.current.get())
        return self

    def __aiter__(self) -> "SlowDecoder":
        return self

    async def __anext__(self) -> None:
        await self.ends.acquire()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        pass


async def test_uploads_of_different_callers_are_checked_in_turn() -> None:
    decoder: Any = SlowDecoder()
    blobs: Any = SimpleNamespace(read=lambda name: None)
    checker = Checker(decoder, blobs, Permits(1, 64, CollectorRegistry()))

    async def check(own: str) -> None:
        caller.current.set(own)
        await checker.check("blob", 1)

    checks = [asyncio.create_task(check(own)) for own in ("ann",) * 6 + ("bob",)]
    await asyncio.sleep(0)
    for _ in checks:
        decoder.ends.release()
    await asyncio.gather(*checks)
    assert decoder.order[:3] == ["ann", "bob", "ann"]


class OneEvent:
    """A store of events that has one."""

    async def newest(self) -> int:
        return 1

    async def after(self, sequence: int, **_: object) -> list[Event]:
        event = Event(
            sequence=1, job_key=1, job_id="a", owner="ann", time_us=0, state=1, stage="", progress=0.0, attempt=0
        )
        return [event] if sequence < 1 else []


async def test_one_caller_does_not_watch_without_end() -> None:
    store: Any = OneEvent()
    watchers = Watchers(store)
    following = asyncio.create_task(watchers.follow())
    caller.current.set("ann")
    opened = [watchers.watch(0, lambda event: True) for _ in range(MAX_OF_CALLER)]
    for events in opened:
        await anext(events)
    with pytest.raises(Exhausted):
        await anext(watchers.watch(0, lambda event: True))
    caller.current.set("bob")
    async with aclosing(watchers.watch(0, lambda event: True)) as events:  # type: ignore[type-var]
        assert (await anext(events)).sequence == 1
    caller.current.set("ann")
    await opened.pop().aclose()  # type: ignore[attr-defined]
    opened.append(watchers.watch(0, lambda event: True))
    assert (await anext(opened[-1])).sequence == 1
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
