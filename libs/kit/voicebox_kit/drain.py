"""Reads what a client still sends when its answer is ready early.

A Python client whose message is under way when the answer to a client-streaming call comes reports "Internal error from
Core" in place of the answer.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from .errors import VoiceboxError

DRAIN_SECONDS = 5.0


@asynccontextmanager
async def drained(requests: AsyncIterator[object]) -> AsyncIterator[None]:
    """After the block, and after an error of ours in it, reads and forgets the rest of `requests`, for at most
    DRAIN_SECONDS.
    """
    try:
        yield
    except VoiceboxError:
        await _drain(requests)
        raise
    await _drain(requests)


async def _drain(requests: AsyncIterator[object]) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _ in requests:
                pass
