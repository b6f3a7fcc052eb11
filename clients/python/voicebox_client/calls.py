"""Blocking gRPC calls with a deadline, retries and readable errors."""

import time
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

import grpc

from .retry import Attempts, RetryPolicy
from .status import from_rpc_error

Answer = TypeVar("Answer")
Answer_co = TypeVar("Answer_co", covariant=True)


class ResponseStream(Protocol[Answer_co]):
    """What gRPC returns for a call that answers with a stream."""

    def __iter__(self) -> Iterator[Answer_co]: ...
    def cancel(self) -> object: ...


class Calls:
    """Starts calls. `start` is given the seconds that are left, and makes the gRPC call anew for every attempt."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep

    def unary(self, start: Callable[[float], Answer], timeout_seconds: float, policy: RetryPolicy) -> Answer:
        """The one answer. Raises VoiceboxClientError."""
        attempts = Attempts(policy, timeout_seconds, self._clock)
        while True:
            try:
                return start(attempts.remaining_seconds())
            except grpc.RpcError as error:
                pause_seconds = attempts.pause_seconds(from_rpc_error(error))
            self._sleep(pause_seconds)

    def stream(
        self, start: Callable[[float], ResponseStream[Answer]], timeout_seconds: float, policy: RetryPolicy
    ) -> Iterator[Answer]:
        """The answers as they come; tried again only until the first of them. Leaving the iterator cancels the call."""
        attempts = Attempts(policy, timeout_seconds, self._clock)
        while True:
            call, begun = start(attempts.remaining_seconds()), False
            try:
                for answer in call:
                    begun = True
                    yield answer
            except grpc.RpcError as error:
                if begun:
                    raise from_rpc_error(error, received=True) from error
                pause_seconds = attempts.pause_seconds(from_rpc_error(error))
            else:
                return
            finally:
                call.cancel()
            self._sleep(pause_seconds)
