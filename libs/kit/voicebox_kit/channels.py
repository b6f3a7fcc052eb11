"""Channels from one part of the platform to another: with authentication, each call carries a signed principal."""

import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, cast

import grpc

from . import principal, request_id
from .authentication import Authentication
from .principal import HEADER, PLATFORM, UNCOUNTED, Principal

Options = Sequence[tuple[str, Any]]
Metadata = Sequence[tuple[str, Any]]


@asynccontextmanager
async def open_channel(
    address: str, authentication: Authentication, options: Options = ()
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel whose stubs are called with the owner in the metadata, as `principal.HEADER`; who it is proven by is
    added here.
    """
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        yield with_metadata(channel, partial(_signed, authentication)) if authentication.is_on else channel


def with_metadata(channel: grpc.aio.Channel, change: Callable[[str, Metadata], Metadata]) -> grpc.aio.Channel:
    """The channel, whose calls carry what `change` makes of their method and metadata."""
    return cast("grpc.aio.Channel", _ChangingChannel(channel, change))


class _ChangingChannel:
    """Stands in for a channel where stubs are made."""

    def __init__(self, channel: grpc.aio.Channel, change: Callable[[str, Metadata], Metadata]) -> None:
        self._channel, self._change = channel, change

    def unary_unary(self, method: str, *given: Any, **named: Any) -> Callable[..., Any]:
        return self._changing(method, self._channel.unary_unary(method, *given, **named))

    def unary_stream(self, method: str, *given: Any, **named: Any) -> Callable[..., Any]:
        return self._changing(method, self._channel.unary_stream(method, *given, **named))

    def stream_unary(self, method: str, *given: Any, **named: Any) -> Callable[..., Any]:
        return self._changing(method, self._channel.stream_unary(method, *given, **named))

    def stream_stream(self, method: str, *given: Any, **named: Any) -> Callable[..., Any]:
        return self._changing(method, self._channel.stream_stream(method, *given, **named))

    def _changing(self, method: str, multicallable: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, metadata: Metadata | None = None, **named: Any) -> Any:
            return multicallable(*given, metadata=self._change(method, metadata or ()), **named)

        return call


def _signed(authentication: Authentication, method: str, metadata: Metadata) -> Metadata:
    found = dict(metadata)
    request = str(found.pop(request_id.HEADER, "") or uuid.uuid4())
    caller = _on_behalf_of(str(found.pop(HEADER, "")))
    if found.pop(UNCOUNTED[0], ""):
        caller = replace(caller, is_counted=False)
    return (
        *found.items(),
        (request_id.HEADER, request),
        (HEADER, authentication.signed(caller, method, request)),
    )


def _on_behalf_of(owner: str) -> Principal:
    """The running call's principal where it is about the same owner; else the platform acts by itself for the owner."""
    caller = principal.current.get()
    if caller and owner in ("", caller.owner):
        return caller
    return Principal(owner or PLATFORM, is_counted=False)
