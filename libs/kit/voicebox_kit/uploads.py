"""Awaits calls that upload."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from .errors import Unavailable

T = TypeVar("T")


async def answer_of(call: Awaitable[T]) -> T:
    """The call's answer. Unavailable("PEER_LOST") when the peer goes away while it is written to: gRPC may report that
    as a cancellation.
    """
    try:
        return await call
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise Unavailable("PEER_LOST", "The service went away while it was written to.") from error
