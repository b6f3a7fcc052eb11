"""Work that goes on after its call has ended, and its results: bounded in number, bytes and time."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from google.protobuf.message import Message
from voicebox_kit.errors import Exhausted, NotFound, VoiceboxError

log = logging.getLogger(__name__)

MAX_OPERATIONS = 100
MAX_BYTES = 256 * 1024 * 1024
"""16 recordings of the greatest size that a call may have."""
HELD_SECONDS = 3600.0
RETRY_SECONDS = 10.0


@dataclass
class Operation:
    """One piece of work. Times are in seconds since 1970; `ended_at` is None while it runs.

    `size_bytes` is what its request takes; `describe` returns its metadata.
    """

    name: str
    owner: str
    size_bytes: int
    describe: Callable[["Operation"], Message]
    began_at: float
    ended_at: float | None = None
    task: asyncio.Task[Message] = field(init=False, repr=False)


class Operations:
    """Runs `at_once` operations at a time, in order; ended ones are held for `held_seconds`.

    They exist in this process only; of several replicas, each asks the others for those that it does not have.
    """

    def __init__(
        self,
        at_once: int,
        clock: Callable[[], float],
        max_operations: int = MAX_OPERATIONS,
        max_bytes: int = MAX_BYTES,
        held_seconds: float = HELD_SECONDS,
    ) -> None:
        self._turns, self._at_once, self._clock = asyncio.Semaphore(at_once), at_once, clock
        self._max_operations, self._max_bytes, self._held_seconds = max_operations, max_bytes, held_seconds
        self._operations: dict[str, Operation] = {}

    async def limit(self, at_once: int) -> None:
        """Change how many run at a time; with fewer than before, waits until enough have ended."""
        more, self._at_once = at_once - self._at_once, at_once
        for _ in range(more):
            self._turns.release()
        for _ in range(-more):
            await self._turns.acquire()

    def begin(
        self,
        parent: str,
        owner: str,
        size_bytes: int,
        describe: Callable[[Operation], Message],
        work: Callable[[], Coroutine[Any, Any, Message]],
    ) -> Operation:
        """Start `work`, named by a number, below `{parent}/operations/` with a parent. Exhausted when too many run."""
        self._forget_old()
        self._make_room(size_bytes)
        number = str(secrets.randbits(63))
        operation = Operation(
            f"{parent}/operations/{number}" if parent else number, owner, size_bytes, describe, self._clock()
        )
        operation.task = asyncio.create_task(self._run(work))
        operation.task.add_done_callback(partial(self._end, operation))
        self._operations[operation.name] = operation
        return operation

    def find(self, name: str, owner: str) -> Operation:
        """The owner's operation of that name, or NotFound."""
        self._forget_old()
        operation = self._operations.get(name)
        if operation is None or operation.owner != owner:
            hint = f"Ended operations are held for {self._held_seconds:g} s."
            raise NotFound("operation", name[:200], hint)
        return operation

    def of(self, parent: str, owner: str) -> Iterator[Operation]:
        """The owner's operations, oldest first: all of them, or those under a parent."""
        self._forget_old()
        for operation in list(self._operations.values()):
            if operation.owner == owner and (not parent or operation.name.startswith(f"{parent}/")):
                yield operation

    def delete(self, operation: Operation) -> None:
        """Cancel and forget an operation."""
        operation.task.cancel()
        self._operations.pop(operation.name, None)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Stops all that run when the block ends."""
        try:
            yield
        finally:
            tasks = [operation.task for operation in self._operations.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, work: Callable[[], Coroutine[Any, Any, Message]]) -> Message:
        async with self._turns:
            return await work()

    def _end(self, operation: Operation, task: asyncio.Task[Message]) -> None:
        """Note the end, also of an operation that was cancelled before it began. Other errors than ours are bugs."""
        operation.ended_at = self._clock()
        if not task.cancelled() and (error := task.exception()) and not isinstance(error, VoiceboxError):
            log.error("bug", exc_info=error)

    def _forget_old(self) -> None:
        """Forget what ended long ago."""
        long_ago = self._clock() - self._held_seconds
        for ended_at, name in self._ended():
            if ended_at <= long_ago:
                del self._operations[name]

    def _make_room(self, size_bytes: int) -> None:
        """Forget what ended first, until one more fits."""
        ended = iter(self._ended())
        while len(self._operations) >= self._max_operations or self._held_bytes() + size_bytes > self._max_bytes:
            oldest = next(ended, None)
            if oldest is None:
                sentence = f"{len(self._operations)} operations run already, and hold {self._held_bytes()} bytes."
                raise Exhausted("OPERATIONS_FULL", sentence, RETRY_SECONDS)
            del self._operations[oldest[1]]

    def _ended(self) -> list[tuple[float, str]]:
        """When they ended and their names, oldest first."""
        return sorted((each.ended_at, each.name) for each in self._operations.values() if each.ended_at is not None)

    def _held_bytes(self) -> int:
        return sum(each.size_bytes for each in self._operations.values())
