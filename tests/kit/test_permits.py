"""Admission: bounded, first come first served, never leaking."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from prometheus_client import CollectorRegistry
from voicebox_kit import caller
from voicebox_kit import permits as permits_module
from voicebox_kit.errors import Exhausted
from voicebox_kit.hold_times import FIRST_HOLD_SECONDS
from voicebox_kit.permits import CAUTION, Permits

pytestmark = pytest.mark.unit


async def hold(permits: Permits, name: str, order: list[str], leave: asyncio.Event) -> None:
    async with permits.acquire():
        order.append(name)
        await leave.wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_queue_is_first_come_first_served_and_bounded():
    registry = CollectorRegistry()
    permits, order, leave = Permits(1, 2, registry), [], asyncio.Event()
    tasks = []
    for name in "abc":
        tasks.append(asyncio.create_task(hold(permits, name, order, leave)))
        await settle()
    assert (permits.running, permits.waiting, order) == (1, 2, ["a"])
    with pytest.raises(Exhausted) as refused:
        async with permits.acquire():
            pass
    assert (refused.value.reason, refused.value.retry_seconds) == ("QUEUE_FULL", 1.0)
    assert registry.get_sample_value("voicebox_refused_total") == 1
    assert registry.get_sample_value("voicebox_streams_waiting") == 2
    leave.set()
    await asyncio.gather(*tasks)
    assert (permits.running, permits.waiting, order) == (0, 0, ["a", "b", "c"])


async def test_a_waiting_call_that_is_cancelled_leaves_no_trace():
    permits, leave = Permits(1, 1, CollectorRegistry()), asyncio.Event()
    holder = asyncio.create_task(hold(permits, "a", [], leave))
    await settle()
    waiter = asyncio.create_task(hold(permits, "b", [], leave))
    await settle()
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    assert (permits.running, permits.waiting) == (1, 0)
    leave.set()
    await holder
    async with permits.acquire():
        assert permits.running == 1
    assert permits.running == 0


@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_as_many_work_at_once_as_the_newest_limit_says(limit):
    permits, leave, order = Permits(3, 10, CollectorRegistry()), asyncio.Event(), []
    await permits.limit(limit)
    holders = [asyncio.create_task(hold(permits, name, order, leave)) for name in "abcdef"]
    await settle()
    assert permits.running == limit
    leave.set()
    await asyncio.gather(*holders)


async def test_a_lower_limit_waits_until_enough_permits_are_back():
    permits, leave, order = Permits(2, 10, CollectorRegistry()), asyncio.Event(), []
    holders = [asyncio.create_task(hold(permits, name, order, leave)) for name in "ab"]
    await settle()
    lower = asyncio.create_task(permits.limit(1))
    await settle()
    assert not lower.done()
    leave.set()
    await asyncio.gather(lower, *holders)
    async with permits.acquire():
        assert permits.running == 1


async def test_a_holder_that_fails_gives_its_permit_back():
    permits = Permits(1, 0, CollectorRegistry())
    with pytest.raises(ZeroDivisionError):
        async with permits.acquire():
            raise ZeroDivisionError
    assert permits.running == 0


async def test_idle_waits_for_the_holders():
    permits, leave, order = Permits(2, 0, CollectorRegistry()), asyncio.Event(), []
    holder = asyncio.create_task(hold(permits, "a", order, leave))
    await settle()
    idle = asyncio.create_task(permits.idle())
    await settle()
    assert not idle.done()
    leave.set()
    await idle
    assert holder.done()


class Clock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def held(permits: Permits, clock: Clock, seconds: float, at_once: int) -> None:
    """Hold so many permits at once for so long, again and again, until the mean follows."""
    for _ in range(40):
        async with AsyncExitStack() as holds:
            for _ in range(at_once):
                await holds.enter_async_context(permits.acquire())
            clock.now += seconds


async def test_who_would_wait_too_long_is_refused_at_once_and_reported_when_to_come_again():
    clock = Clock()
    permits = Permits(2, 100, CollectorRegistry(), patience_seconds=3.0, clock=clock)
    await held(permits, clock, 0.9, at_once=2)
    leave, tasks = asyncio.Event(), []
    for name in "abcd":  # two hold, two wait for 0.9 s: the next would wait for 1.8 s
        tasks.append(asyncio.create_task(hold(permits, name, [], leave)))
        await settle()
    assert permits.waiting == 2
    with pytest.raises(Exhausted) as refused:
        async with permits.acquire():
            pass
    assert refused.value.reason == "WAIT_TOO_LONG"
    assert refused.value.retry_seconds == pytest.approx(1.8, rel=0.01)
    leave.set()
    await asyncio.gather(*tasks)
    async with permits.acquire():
        assert permits.running == 1


@pytest.mark.parametrize(("hold_seconds", "places"), [(0.12, 4), (0.45, 4), (2.0, 16), (60.0, 16)])
async def test_as_many_wait_as_are_served_within_their_patience(hold_seconds, places):
    clock = Clock()
    permits = Permits(places, 1000, CollectorRegistry(), patience_seconds=2.0, clock=clock)
    await held(permits, clock, hold_seconds, at_once=places)
    leave, order, tasks = asyncio.Event(), [], []
    for number in range(200):
        tasks.append(asyncio.create_task(hold(permits, str(number), order, leave)))
        await settle()
    rounds_in_time = int(2.0 / CAUTION / hold_seconds - 1e-3)
    assert permits.waiting == rounds_in_time * places
    leave.set()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_caller_with_less_patience_is_refused_first():
    clock = Clock()
    permits = Permits(1, 100, CollectorRegistry(), patience_seconds=2.0, clock=clock)
    await held(permits, clock, 0.5, at_once=1)
    leave = asyncio.Event()
    holder = asyncio.create_task(hold(permits, "a", [], leave))
    await settle()
    with pytest.raises(Exhausted):
        async with permits.acquire(patience_seconds=0.5):
            pass
    patient = asyncio.create_task(hold(permits, "b", [], leave))
    await settle()
    assert permits.waiting == 1
    leave.set()
    await asyncio.gather(holder, patient)


async def test_permits_that_are_held_for_long_count_before_any_comes_back():
    clock = Clock()
    permits, leave = Permits(1, 100, CollectorRegistry(), patience_seconds=2.0, clock=clock), asyncio.Event()
    holder = asyncio.create_task(hold(permits, "a", [], leave))
    await settle()
    assert permits.expected_wait_seconds == FIRST_HOLD_SECONDS
    clock.now += 30
    with pytest.raises(Exhausted) as refused:
        async with permits.acquire():
            pass
    assert refused.value.retry_seconds == 15
    leave.set()
    await holder


async def test_who_waited_for_all_its_patience_is_refused_and_leaves_no_trace():
    permits, leave = Permits(1, 100, CollectorRegistry(), patience_seconds=0.02, clock=lambda: 0.0), asyncio.Event()
    for _ in range(60):
        async with permits.acquire():
            pass
    holder = asyncio.create_task(hold(permits, "a", [], leave))
    await settle()
    with pytest.raises(Exhausted) as refused:
        async with permits.acquire():
            pass
    assert refused.value.reason == "WAIT_TOO_LONG"
    assert (permits.running, permits.waiting) == (1, 0)
    leave.set()
    await holder


@pytest.mark.parametrize(
    ("at_once", "hold_seconds", "expected"), [(1, 0.1, 1.6), (2, 0.1, 0.8), (4, 0.5, 2.0), (16, 1.0, 1.0)]
)
async def test_a_hold_beside_few_others_is_expected_to_take_longer_beside_many(at_once, hold_seconds, expected):
    clock = Clock()
    permits, leave = Permits(16, 100, CollectorRegistry(), clock=clock), asyncio.Event()
    await held(permits, clock, hold_seconds, at_once)
    tasks = [asyncio.create_task(hold(permits, str(number), [], leave)) for number in range(16)]
    await settle()
    assert permits.expected_wait_seconds == pytest.approx(expected)
    leave.set()
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("places", [1, 4, 16])
async def test_a_burst_after_single_calls_is_refused_where_it_will_not_be_served_in_time(places):
    clock = Clock()
    permits, leave = Permits(places, 100, CollectorRegistry(), patience_seconds=2.0, clock=clock), asyncio.Event()
    await held(permits, clock, 0.7, at_once=1)  # alone it is in time, beside others of its kind it is not
    tasks = [asyncio.create_task(hold(permits, str(number), [], leave)) for number in range(64)]
    await settle()
    assert (permits.running, permits.waiting) == (places, 0)
    refused = [task.exception() for task in tasks if task.done()]
    assert len(refused) == 64 - places
    assert {error.reason for error in refused} == {"WAIT_TOO_LONG"}
    leave.set()
    await asyncio.gather(*tasks, return_exceptions=True)


# Callers share


async def hold_as(own: str, permits: Permits, order: list[str], leave: asyncio.Event) -> None:
    caller.current.set(own)
    await hold(permits, own, order, leave)


async def stall_as(own: str, permits: Permits, begun: list[str], go_on: asyncio.Event) -> None:
    """A call that begins, waits for its caller, and works again."""
    caller.current.set(own)
    async with permits.acquire() as permit:
        begun.append(own)
        async with permit.idle():
            await go_on.wait()
        begun.append(f"{own} again")


async def test_the_caller_with_the_fewest_permits_is_next():
    permits, order = Permits(2, 100, CollectorRegistry()), list[str]()
    leaves = [asyncio.Event() for _ in range(6)]
    tasks = []
    for own, leave in zip(["ann", "ann", "ann", "ann", "bob", "cid"], leaves, strict=True):
        tasks.append(asyncio.create_task(hold_as(own, permits, order, leave)))
        await settle()
    assert order == ["ann", "ann"]
    for leave in leaves:
        leave.set()
        await settle()
    await asyncio.gather(*tasks)
    assert order == ["ann", "ann", "bob", "cid", "ann", "ann"]


async def test_a_full_queue_makes_room_for_a_caller_that_has_less():
    permits, order, leave = Permits(1, 3, CollectorRegistry()), list[str](), asyncio.Event()
    ann = [asyncio.create_task(hold_as("ann", permits, order, leave)) for _ in range(4)]
    await settle()
    bob = asyncio.create_task(hold_as("bob", permits, order, leave))
    await settle()
    failure = ann[3].exception()
    assert isinstance(failure, Exhausted)
    assert failure.reason == "QUEUE_FULL"
    caller.current.set("ann")
    with pytest.raises(Exhausted):
        permits.refuse_at_once()
    leave.set()
    await asyncio.gather(*ann[:3], bob)
    assert order == ["ann", "bob", "ann", "ann"]


async def test_a_call_that_waits_for_its_caller_gives_its_permit_back(monkeypatch):
    monkeypatch.setattr(permits_module, "STALLED_SECONDS", 0.01)
    registry = CollectorRegistry()
    permits, begun, go_on, leave = Permits(1, 10, registry), list[str](), asyncio.Event(), asyncio.Event()
    stalled = asyncio.create_task(stall_as("ann", permits, begun, go_on))
    await settle()
    other = asyncio.create_task(hold_as("ann", permits, begun, leave))
    await settle()
    while len(begun) < 2:
        await asyncio.sleep(0.005)
    assert registry.get_sample_value("voicebox_streams_stalled") == 1
    go_on.set()
    await settle()
    assert begun == ["ann", "ann"]
    leave.set()
    await asyncio.gather(stalled, other)
    assert begun == ["ann", "ann", "ann again"]
    assert (permits.running, permits.waiting) == (0, 0)
    assert registry.get_sample_value("voicebox_streams_stalled") == 0


async def test_it_gives_it_back_at_once_where_another_caller_has_none():
    permits, begun, leave = Permits(1, 10, CollectorRegistry()), list[str](), asyncio.Event()
    leave.set()
    waiting = asyncio.Event()

    async def stream() -> None:
        caller.current.set("ann")
        async with permits.acquire() as permit:
            waiting.set()
            await settle()
            for _ in range(3):
                begun.append("ann")
                async with permit.idle():
                    await asyncio.sleep(0)

    ann = asyncio.create_task(stream())
    await waiting.wait()
    bob = asyncio.create_task(hold_as("bob", permits, begun, leave))
    await asyncio.gather(ann, bob)
    assert begun == ["ann", "bob", "ann", "ann"]


async def test_of_too_many_that_wait_the_first_of_the_caller_with_most_ends(monkeypatch):
    monkeypatch.setattr(permits_module, "STALLED_SECONDS", 0.0)
    monkeypatch.setattr(permits_module, "MIN_LENT", 3)
    permits, begun, go_on = Permits(1, 10, CollectorRegistry()), list[str](), asyncio.Event()
    tasks = []
    for own in ("bob", "ann", "ann", "bob", "ann"):
        tasks.append(asyncio.create_task(stall_as(own, permits, begun, go_on)))
        await asyncio.sleep(0.01)
    ended = [task for task in tasks if task.done()]
    assert [type(task.exception()) for task in ended] == [Exhausted, Exhausted]
    assert tasks[1] in ended
    go_on.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert sorted(begun)[-1:] == ["bob again"]
    assert (permits.running, permits.waiting) == (0, 0)


async def test_a_stalled_call_that_is_cancelled_leaves_no_trace(monkeypatch):
    monkeypatch.setattr(permits_module, "STALLED_SECONDS", 0.0)
    permits, begun, go_on, leave = Permits(1, 10, CollectorRegistry()), list[str](), asyncio.Event(), asyncio.Event()
    stalled = asyncio.create_task(stall_as("ann", permits, begun, go_on))
    await asyncio.sleep(0.01)
    other = asyncio.create_task(hold_as("bob", permits, begun, leave))
    await settle()
    go_on.set()  # it now waits for a permit again
    await settle()
    stalled.cancel()
    await asyncio.gather(stalled, return_exceptions=True)
    assert (permits.running, permits.waiting) == (1, 0)
    leave.set()
    await other
    assert permits.running == 0
    await permits.idle()


async def test_a_caller_that_has_nothing_is_not_refused_for_the_calls_of_another():
    permits, order, leave = Permits(1, 100, CollectorRegistry(), patience_seconds=2.0), list[str](), asyncio.Event()
    ann = asyncio.create_task(hold_as("ann", permits, order, leave))
    await settle()
    permits._held[next(iter(permits._held))].since -= 100  # its permit is overdue
    caller.current.set("ann")
    with pytest.raises(Exhausted):
        permits.refuse_at_once()
    caller.current.set("bob")
    permits.refuse_at_once()
    leave.set()
    await ann
