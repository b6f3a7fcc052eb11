"""Bytes that one reader may stop reading in the middle, and another go on with."""

import asyncio
from collections.abc import AsyncIterator


class Resumable:
    """The same blocks. A decoder stops reading where the audio ends; the next reader misses nothing."""

    def __init__(self, blocks: AsyncIterator[bytes]) -> None:
        self._blocks = blocks
        self._next: asyncio.Task[bytes | None] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self._next = self._next or asyncio.create_task(self._read())
        block = await asyncio.shield(self._next)
        self._next = None
        if block is None:
            raise StopAsyncIteration
        return block

    async def aclose(self) -> None:
        """Stop reading."""
        if self._next:
            self._next.cancel()
            await asyncio.gather(self._next, return_exceptions=True)

    async def _read(self) -> bytes | None:
        return await anext(self._blocks, None)
