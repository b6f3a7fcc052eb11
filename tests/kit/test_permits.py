"""Admission: bounded, first come first served, never leaking."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry
from voicebox_kit.errors import Exhausted
from voicebox_kit.permits import Permits


async def hold(permits: Permits, name: str, order: list[str], leave: asyncio.Event) -> None:
    async with permits.take():
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
        async with permits.take():
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
    async with permits.take():
        assert permits.running == 1
    assert permits.running == 0


async def test_a_holder_that_fails_gives_its_permit_back():
    permits = Permits(1, 0, CollectorRegistry())
    with pytest.raises(ZeroDivisionError):
        async with permits.take():
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
