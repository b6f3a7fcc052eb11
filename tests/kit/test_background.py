"""A background task that fails is logged, started again, and part of health."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest
from prometheus_client import CollectorRegistry
from voicebox_kit.background import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, STEADY_SECONDS, Background
from voicebox_kit.errors import Unavailable

pytestmark = pytest.mark.unit


class Clock:
    """Sleeps that end when the test says so."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.steady = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds == STEADY_SECONDS:
            await self.steady.wait()
        self.pauses.append(seconds)
        await asyncio.sleep(0)


async def fail() -> None:
    raise ZeroDivisionError("the work broke")


async def fail_at_json() -> None:
    b"\xff".decode()


async def end() -> None:
    return


async def cancel_itself() -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize("broken", [fail, fail_at_json, end, cancel_itself], ids=lambda work: work.__name__)
async def test_whatever_ends_is_logged_and_started_again(
    broken: Callable[[], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    clock, runs, well = Clock(), 0, asyncio.Event()

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs <= 3:
            await broken()
            return
        well.set()
        await asyncio.Event().wait()

    background = Background(CollectorRegistry(), clock.sleep)
    with caplog.at_level(logging.ERROR):
        async with background.running("delivery", work):
            await asyncio.wait_for(well.wait(), 30)
            assert background.tasks == {"delivery": False}
            clock.steady.set()
            while not background.tasks["delivery"]:
                await asyncio.sleep(0)
    assert clock.pauses[:3] == [FIRST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS, 4 * FIRST_PAUSE_SECONDS]
    assert caplog.text.count("the background task delivery") >= 6
    assert background.tasks == {}


async def test_an_error_of_ours_is_logged_as_its_sentence_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        raise Unavailable("STORAGE_BROKEN", "The database's file was deleted.", 5.0)

    clock = Clock()
    async with Background(CollectorRegistry(), clock.sleep).running("storage", work):
        while not clock.pauses:
            await asyncio.sleep(0)
    assert "the background task storage failed: The database's file was deleted." in caplog.text
    assert "Traceback" not in caplog.text


async def test_the_pause_is_bounded() -> None:
    clock = Clock()
    async with Background(CollectorRegistry(), clock.sleep).running("delivery", fail):
        while len(clock.pauses) < 12:
            await asyncio.sleep(0)
    assert max(clock.pauses) == LONGEST_PAUSE_SECONDS


async def test_health_is_reported_now_and_on_each_change() -> None:
    clock, reported = Clock(), list[tuple[str, bool]]()

    async def report(name: str, is_healthy: bool) -> None:
        reported.append((name, is_healthy))

    background = Background(CollectorRegistry(), clock.sleep)
    async with background.running("sweep", asyncio.Event().wait), background.reporting(report):
        assert reported == [("sweep", True)]
        async with background.running("delivery", fail):
            while ("delivery", False) not in reported:
                await asyncio.sleep(0)


async def test_the_end_of_the_block_ends_the_work() -> None:
    ended, begun = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with Background(CollectorRegistry()).running("delivery", work):
        await begun.wait()
    assert ended.is_set()
