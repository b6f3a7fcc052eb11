"""grpc.aio, where the type information that is published for it falls short."""

from collections.abc import Callable
from typing import Any

import grpc

END_OF_STREAM: Any = grpc.aio.EOF  # type: ignore[attr-defined]  # left out of grpc-stubs


def aio_stub(stub_class: Callable[[Any], object], channel: grpc.aio.Channel) -> Any:
    """A stub whose calls are grpc.aio's: the generated classes are typed for blocking channels."""
    return stub_class(channel)
