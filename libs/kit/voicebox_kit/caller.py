"""Whose a call is, where callers share: its owner, or, where nobody authenticates, the address that it comes from."""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import unquote

import grpc

from . import principal

FORWARDED = "x-forwarded-for"
"""The gateway appends the address that it sees."""

current: ContextVar[str] = ContextVar("voicebox_caller", default="")


def of(context: "grpc.aio.ServicerContext[Any, Any]") -> str:
    """The caller of an RPC."""
    owner = principal.owner(context)
    if owner != principal.LOCAL:
        return owner
    found = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
    return address(found, connection(context.peer()))


def connection(peer: str) -> str:
    """The address of a peer of gRPC's, such as `ipv6:%5B::1%5D:50051`."""
    return unquote(peer).partition(":")[2].rpartition(":")[0].strip("[]")


def address(headers: Mapping[str, str], peer: str) -> str:
    """Where a request comes from: what the gateway saw, or the address of the connection."""
    return headers.get(FORWARDED, peer).rpartition(",")[2].strip()
