"""A blocking generator read from the event loop: in order, on demand, closed when the reader leaves."""

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

import pytest
from voicebox_kit.bridge import in_thread

pytestmark = pytest.mark.unit


@pytest.fixture
def executor():
    with ThreadPoolExecutor(2) as executor:
        yield executor


async def test_items_come_in_order_and_the_error_at_its_place(executor):
    def items():
        yield from range(3)
        raise ZeroDivisionError

    seen = []
    with pytest.raises(ZeroDivisionError):
        async for item in in_thread(items(), executor):
            seen.append(item)
    assert seen == [0, 1, 2]


async def test_nothing_is_made_before_it_is_requested(executor):
    made = []

    def items():
        for number in range(100):
            made.append(number)
            yield number

    async with aclosing(in_thread(items(), executor)) as reader:
        assert await anext(reader) == 0
        assert await anext(reader) == 1
        assert made == [0, 1]


async def test_a_reader_that_leaves_closes_the_generator(executor):
    closed = threading.Event()

    def items():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    async with aclosing(in_thread(items(), executor)) as reader:
        await anext(reader)
    assert closed.is_set()


async def test_cancelling_waits_for_the_step_that_runs_and_then_closes(executor):
    running, finish, closed = threading.Event(), threading.Event(), threading.Event()

    def items():
        try:
            running.set()
            finish.wait(30)
            yield 0
        finally:
            closed.set()

    async def read():
        async for _ in in_thread(items(), executor):
            pass

    task = asyncio.create_task(read())
    await asyncio.to_thread(running.wait, 30)
    task.cancel()
    await asyncio.sleep(0)
    assert not closed.is_set()
    finish.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed.is_set()


async def test_leaving_interrupts_the_step_that_runs(executor):
    running, interrupted = threading.Event(), threading.Event()

    def items():
        running.set()
        assert interrupted.wait(30)
        yield 0

    async def read():
        async for _ in in_thread(items(), executor, interrupted.set):
            pass

    task = asyncio.create_task(read())
    await asyncio.to_thread(running.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_reader_that_reads_to_the_end_interrupts_nothing(executor):
    interruptions = []
    assert [item async for item in in_thread((n for n in range(3)), executor, lambda: interruptions.append(1))] == [
        0,
        1,
        2,
    ]
    assert interruptions == []


async def test_a_step_that_fails_after_its_reader_left_is_no_error_in_the_log(executor, caplog):
    begun, left = threading.Event(), threading.Event()

    def failing():
        begun.set()
        left.wait()
        raise ConnectionError("interrupted")
        yield

    reading = asyncio.create_task(anext(in_thread(failing(), executor, left.set)))
    await asyncio.to_thread(begun.wait)
    reading.cancel()
    await asyncio.wait([reading])
    del reading
    gc.collect()
    await asyncio.sleep(0)
    assert not caplog.records
