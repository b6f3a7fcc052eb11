"""Uploads and live streams: bounds how slowly a client may send, and awaits calls that send themselves."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from typing import Protocol, TypeVar

from .errors import TooSlow, Unavailable

FREE_SECONDS = 30.0
"""How long a client may let us wait before its bytes count."""
MIN_BYTES_PER_SECOND = 1_000
"""Of what is waited for: no codec of speech that people send as files is slower."""
STALL_SECONDS = 60.0


class Sized(Protocol):
    """A protobuf message, as far as its size goes."""

    def ByteSize(self) -> int: ...


T = TypeVar("T")
S = TypeVar("S", bound=Sized)


async def steady(requests: AsyncIterator[S]) -> AsyncGenerator[S]:
    """The messages of an upload. TooSlow("UPLOAD_TOO_SLOW") when they bring fewer than MIN_BYTES_PER_SECOND after the
    first FREE_SECONDS of waiting for them, or when one is waited for longer than STALL_SECONDS.
    """
    waited, received = 0.0, 0
    while True:
        left = FREE_SECONDS + received / MIN_BYTES_PER_SECOND - waited
        began = time.monotonic()
        try:
            async with asyncio.timeout(min(left, STALL_SECONDS)):
                request = await anext(requests)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            sentence = f"The upload is too slow: {received} bytes came while {waited + time.monotonic() - began:.0f} s"
            raise TooSlow("UPLOAD_TOO_SLOW", f"{sentence} were waited for them.") from error
        waited += time.monotonic() - began
        received += request.ByteSize()
        yield request


async def patient(requests: AsyncIterator[T], idle_seconds: float) -> AsyncGenerator[T]:
    """The requests; TooSlow("STREAM_IDLE") when none comes for `idle_seconds` while one is waited for."""
    while True:
        try:
            async with asyncio.timeout(idle_seconds):
                request = await anext(requests)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise TooSlow(
                "STREAM_IDLE", f"Nothing came for {idle_seconds:g} s, and the stream was not closed."
            ) from error
        yield request


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
