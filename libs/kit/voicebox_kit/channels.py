"""Channels from one part of the platform to another: calls go to all replicas of a service in turn; with
authentication, each carries a signed principal; with TLS, they show the certificate that the files hold now.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, cast

import grpc

from . import principal, request_id, trace_context
from .addresses import Replicas, Resolve, following, resolve_host
from .authentication import Authentication
from .principal import HEADER, PLATFORM, UNCOUNTED, Principal
from .tls import Certificates, Tls

Options = Sequence[tuple[str, Any]]
Metadata = Sequence[tuple[str, Any]]

MAX_CALL_SECONDS = 86_400.0
"""How long calls may go on over a channel that was replaced."""
EACH_IN_TURN = '{"loadBalancingConfig": [{"round_robin": {}}]}'


@asynccontextmanager
async def open_channel(
    address: str, authentication: Authentication, options: Options = (), resolve: Resolve = resolve_host
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel whose stubs are called with the owner in the metadata, as `principal.HEADER`; who it is proven by is
    added here. Calls go to all replicas of the service in turn.
    """
    async with following(address, resolve) as replicas:
        renewed = _RenewedChannel(address, replicas, authentication.tls, options)
        channel = cast("grpc.aio.Channel", renewed)
        try:
            yield with_metadata(channel, partial(_signed, authentication)) if authentication.is_on else channel
        finally:
            await renewed.close()


class _RenewedChannel:
    """Stands in for a channel where stubs are made. New calls use the newest certificate and go to the replicas that
    are there now; running ones go on over the channel that they began on.
    """

    def __init__(self, address: str, replicas: Replicas, tls: Tls | None, options: Options) -> None:
        self._address, self._replicas, self._tls = address, replicas, tls
        first = address.partition(",")[0]
        name = tls.settings.name or first.rpartition(":")[0] if tls else ""
        self._options = [
            *options,
            ("grpc.service_config", EACH_IN_TURN),
            ("grpc.ssl_target_name_override", name) if tls else ("grpc.default_authority", first),
        ]
        self._used = self._current()
        self._channel = self._made(*self._used)
        self._closing: dict[asyncio.Task[None], grpc.aio.Channel] = {}

    def unary_unary(self, method: str, *given: Any, **named: Any) -> Callable[..., Any]:
        return self._calling("unary_unary", method, given, named)

    def unary_stream(self, method: str, *given: Any, **named: Any) -> Callable[..., Any]:
        return self._calling("unary_stream", method, given, named)

    def stream_unary(self, method: str, *given: Any, **named: Any) -> Callable[..., Any]:
        return self._calling("stream_unary", method, given, named)

    def stream_stream(self, method: str, *given: Any, **named: Any) -> Callable[..., Any]:
        return self._calling("stream_stream", method, given, named)

    async def close(self) -> None:
        for task in self._closing:
            task.cancel()
        for channel in (self._channel, *self._closing.values()):
            await channel.close(None)

    def _calling(self, kind: str, method: str, given: Any, named: Any) -> Callable[..., Any]:
        def call(*arguments: Any, metadata: Metadata | None = None, **more: Any) -> Any:
            more["metadata"] = (*(metadata or ()), *trace_context.metadata())
            return getattr(self._newest(), kind)(method, *given, **named)(*arguments, **more)

        return call

    def _newest(self) -> grpc.aio.Channel:
        if (current := self._current()) != self._used:
            closing = asyncio.create_task(self._channel.close(MAX_CALL_SECONDS))
            self._closing[closing] = self._channel
            closing.add_done_callback(self._closing.pop)
            self._used, self._channel = current, self._made(*current)
        return self._channel

    def _current(self) -> tuple[str, Certificates | None]:
        return self._replicas.target, self._tls.current() if self._tls else None

    def _made(self, target: str, certificates: Certificates | None) -> grpc.aio.Channel:
        if certificates is None:
            return grpc.aio.insecure_channel(target, options=self._options)
        credentials = grpc.ssl_channel_credentials(certificates.authority, certificates.key, certificates.chain)
        return grpc.aio.secure_channel(target, credentials, options=self._options)


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
        return replace(caller, is_write=False)  # the call that the caller itself made has its line
    return Principal(owner or PLATFORM, is_counted=False)
