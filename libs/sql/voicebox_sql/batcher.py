"""Batches single requests that arrive while an earlier batch runs."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

MAX_ITEMS = 64
"""Of one batch: the first of it waits for the last."""


class Batcher(Generic[Item, Answer]):
    """Hands `work` all items that wait, in order of arrival. There is no timer: a single item does not wait.

    `work` answers for each item, an exception when that one failed. When it raises, each item of the batch is tried by
    itself, so that one cannot spoil the others: then nothing of the batch may have been done.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception]]]) -> None:
        self._work = work
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._running: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Answer:
        """The outcome of `work` for the item; the work is done even if the caller is cancelled."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._running is None:
            self._running = asyncio.create_task(self._drain())
        return await answer

    async def close(self) -> None:
        """Wait for all work that was submitted."""
        if self._running:
            await self._running

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await self._do([self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_ITEMS))])
        finally:
            self._running = None

    async def _do(self, batch: Sequence[tuple[Item, asyncio.Future[Answer]]]) -> None:
        outcomes: Sequence[Answer | Exception]
        try:
            outcomes = await self._work([item for item, _ in batch])
        except Exception as error:
            if len(batch) > 1:
                for one in batch:
                    await self._do([one])
                return
            outcomes = [error]
        if len(outcomes) != len(batch):
            outcomes = [AssertionError(f"{len(outcomes)} outcomes for {len(batch)} items")] * len(batch)
        for (_, answer), outcome in zip(batch, outcomes, strict=True):
            if answer.cancelled():
                continue
            if isinstance(outcome, Exception):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)
