"""What is asked for at the same time is done together."""

import asyncio

import pytest
from voicebox_sql.batcher import MAX_ITEMS, Batcher

pytestmark = pytest.mark.unit


class Work:
    """Doubles numbers, and remembers its batches; odd ones fail, and 13 makes the whole batch fail."""

    def __init__(self):
        self.batches = []

    async def __call__(self, items):
        self.batches.append(list(items))
        await asyncio.sleep(0)
        if 13 in items:
            raise LookupError
        return [ValueError(item) if item % 2 else 2 * item for item in items]


async def test_those_who_wait_are_done_together_in_order():
    work = Work()
    together = Batcher(work)
    assert await asyncio.gather(*map(together.submit, range(0, 400, 2))) == list(range(0, 800, 4))
    assert [item for batch in work.batches for item in batch] == list(range(0, 400, 2))
    assert max(map(len, work.batches)) == MAX_ITEMS
    assert len(work.batches) <= 5


async def test_one_that_fails_fails_alone():
    answers = await asyncio.gather(*map(Batcher(Work()).submit, range(6)), return_exceptions=True)
    assert [answer for answer in answers if isinstance(answer, int)] == [0, 4, 8]
    assert sum(isinstance(answer, ValueError) for answer in answers) == 3


async def test_a_batch_that_fails_is_tried_one_by_one():
    answers = await asyncio.gather(*map(Batcher(Work()).submit, (2, 13, 4)), return_exceptions=True)
    assert [answers[0], type(answers[1]), answers[2]] == [4, LookupError, 8]


async def test_a_caller_who_leaves_does_not_stop_the_others():
    work = Work()
    together = Batcher(work)
    leaving, staying = asyncio.create_task(together.submit(2)), asyncio.create_task(together.submit(4))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == 8
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert [2, 4] in work.batches
    assert await together.submit(6) == 12
