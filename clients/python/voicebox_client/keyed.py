"""A channel whose calls carry the caller's key."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from .connection import Metadata

Channel = TypeVar("Channel")


def with_key(channel: Channel, api_key: str) -> Channel:
    """The channel, blocking or asyncio's, whose calls carry the key; as it is without one."""
    return cast("Channel", _KeyedChannel(channel, api_key)) if api_key else channel


class _KeyedChannel:
    """Stands in for a channel where stubs are made; what else is asked of it, the channel does."""

    def __init__(self, channel: Any, api_key: str) -> None:
        self._channel = channel
        self._metadata: Metadata = (("authorization", f"Bearer {api_key}"),)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._channel, name)
        return self._keyed(found) if name in ("unary_unary", "unary_stream", "stream_unary", "stream_stream") else found

    def _keyed(self, method_of: Callable[..., Any]) -> Callable[..., Any]:
        def made(*given: Any, **named: Any) -> Callable[..., Any]:
            method = method_of(*given, **named)

            def call(*request: Any, metadata: Metadata | None = None, **rest: Any) -> Any:
                return method(*request, metadata=(*(metadata or ()), *self._metadata), **rest)

            return call

        return made
