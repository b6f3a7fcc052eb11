"""Messages that cannot be decoded: grpc itself would answer with the name of a Python class and no code of ours."""

from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from google.protobuf.message import DecodeError

from .errors import Unreadable

Decode = Callable[[bytes], Any]


class _Undecoded:
    """Stands for such a message."""


UNDECODED: Final = _Undecoded()


def decoding(decode: Decode | None) -> Decode | None:
    """A deserializer that returns UNDECODED for bytes that are not a message."""
    if decode is None:
        return None

    def decoded(data: bytes) -> Any:
        try:
            return decode(data)
        except DecodeError:
            return UNDECODED

    return decoded


def checked(request: Any, method: str) -> Any:
    """A request, or a stream of them; raises Unreadable where a message is UNDECODED, of a stream when it is read."""
    if request is UNDECODED:
        raise Unreadable(method)
    return _each(request, method) if hasattr(request, "__aiter__") else request


async def _each(requests: AsyncIterator[Any], method: str) -> AsyncIterator[Any]:
    async for request in requests:
        if request is UNDECODED:
            raise Unreadable(method)
        yield request
