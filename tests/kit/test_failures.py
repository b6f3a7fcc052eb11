"""Health is the truth: calls that fail one after the other, and an event loop that is late."""

import asyncio
from collections.abc import Iterable

import pytest
from voicebox_kit.errors import InvalidField, Unavailable
from voicebox_kit.failures import LATE_FOR_SECONDS, MAX_IN_A_ROW, TICK_SECONDS, Failures, watch_event_loop

pytestmark = pytest.mark.unit


def fail(failures: Failures, error: BaseException) -> None:
    with pytest.raises(type(error)), failures.counted():
        raise error


async def is_watching(failures: Failures) -> bool:
    """Whether the watch goes on, after everything that was counted."""
    watching = asyncio.ensure_future(failures.watch())
    for _ in range(5):
        await asyncio.sleep(0)
    goes_on = not watching.done()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    return goes_on


async def test_three_failures_in_a_row_are_noticed_and_then_each_one() -> None:
    failures = Failures()
    for _ in range(MAX_IN_A_ROW - 1):
        fail(failures, RuntimeError("the device is lost"))
    assert await is_watching(failures)
    fail(failures, RuntimeError("the device is lost"))
    with pytest.raises(Unavailable, match="3 calls failed"):
        await failures.watch()
    assert await is_watching(failures)
    fail(failures, RuntimeError("the device is lost"))
    assert not await is_watching(failures)


async def test_a_success_between_failures_ends_the_row() -> None:
    failures = Failures()
    for _ in range(3 * MAX_IN_A_ROW):
        fail(failures, RuntimeError("a strange text"))
        failures.succeeded()
    assert await is_watching(failures)


@pytest.mark.parametrize("error", [InvalidField("text", "text is empty."), asyncio.CancelledError()])
async def test_refusals_and_callers_who_leave_say_nothing(error: BaseException) -> None:
    failures = Failures()
    for _ in range(2 * MAX_IN_A_ROW):
        fail(failures, error)
    assert await is_watching(failures)


class LateClock:
    """A clock on which each sleep takes as much longer as is given; then the test ends."""

    def __init__(self, late: Iterable[float]) -> None:
        self.now, self._late = 100.0, iter(late)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds + next(self._late)


async def test_a_loop_that_is_late_for_long_is_noticed() -> None:
    clock = LateClock([3.0] * round(LATE_FOR_SECONDS / (3.0 + TICK_SECONDS) + 1))
    with pytest.raises(Unavailable, match="late"):
        await watch_event_loop(clock, clock.sleep)


@pytest.mark.parametrize("late", [[1.9] * 100, [5.0, 0.0] * 50, [9.0, 0.0] * 10])
async def test_a_loop_that_is_late_for_a_moment_is_not(late: list[float]) -> None:
    clock = LateClock(late)
    with pytest.raises(RuntimeError):  # the ticks are used up
        await watch_event_loop(clock, clock.sleep)
