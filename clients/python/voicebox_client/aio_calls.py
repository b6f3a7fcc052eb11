"""Asyncio gRPC calls with a deadline, retries and readable errors: the same as calls.py, awaited."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar

import grpc

from .errors import connection_lost, peer_lost
from .retry import Attempts, RetryPolicy
from .status import from_rpc_error

Answer = TypeVar("Answer")
Answer_co = TypeVar("Answer_co", covariant=True)


class AioResponseStream(Protocol[Answer_co]):
    """What grpc.aio returns for a call that answers with a stream."""

    def __aiter__(self) -> AsyncIterator[Answer_co]: ...
    def cancel(self) -> object: ...


class AioCalls:
    """Starts calls. `start` is given the seconds that are left, and makes the gRPC call anew for every attempt."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep

    async def unary(
        self, start: Callable[[float], Awaitable[Answer]], timeout_seconds: float, policy: RetryPolicy
    ) -> Answer:
        """The one answer. Raises VoiceboxClientError."""
        attempts = Attempts(policy, timeout_seconds, self._clock)
        while True:
            try:
                return await start(attempts.remaining_seconds())
            except grpc.RpcError as error:
                pause_seconds = attempts.pause_seconds(from_rpc_error(error))
            except asyncio.CancelledError:
                if _is_cancelled():
                    raise
                pause_seconds = attempts.pause_seconds(peer_lost())  # grpc.aio may report it as if we were cancelled
            await self._sleep(pause_seconds)

    async def stream(
        self, start: Callable[[float], AioResponseStream[Answer]], timeout_seconds: float, policy: RetryPolicy
    ) -> AsyncGenerator[Answer]:
        """The answers as they come; tried again only until the first of them. Closing the iterator cancels the call."""
        attempts = Attempts(policy, timeout_seconds, self._clock)
        while True:
            call, begun = start(attempts.remaining_seconds()), False
            try:
                async for answer in call:
                    begun = True
                    yield answer
            except grpc.RpcError as error:
                if begun:
                    raise from_rpc_error(error, received=True) from error
                pause_seconds = attempts.pause_seconds(from_rpc_error(error))
            except asyncio.CancelledError as error:
                if _is_cancelled():
                    raise
                if begun:
                    raise connection_lost(received=True) from error
                pause_seconds = attempts.pause_seconds(peer_lost())
            else:
                return
            finally:
                call.cancel()
            await self._sleep(pause_seconds)


def _is_cancelled() -> bool:
    """Whether it is we who are cancelled, and not a call of ours."""
    task = asyncio.current_task()
    return task is None or bool(task.cancelling())
