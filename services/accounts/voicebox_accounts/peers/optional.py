"""Services that a platform may do without, and that have data of owners."""

from collections.abc import Mapping
from typing import Protocol

import grpc
from voicebox_kit import principal, request_id
from voicebox_kit.errors import Unavailable

LONGEST_SECONDS = 60.0

Counts = Mapping[str, int]
"""How many there are, by what they are."""


class OptionalService(Protocol):
    """Each method raises Unavailable when the service does not answer."""

    @property
    def name(self) -> str:
        """As in `conversion`."""
        ...

    @property
    def kinds(self) -> tuple[str, ...]:
        """What it has of an owner, as in `voice models`."""
        ...

    @property
    def export(self) -> str:
        """How a person takes these things out, as a sentence: they are not part of an owner's archive."""
        ...

    async def move(self, owner: str, new_owner: str) -> Counts:
        """Give everything to another owner; how many there were."""
        ...

    async def delete(self, owner: str, *, force: bool) -> Counts:
        """How many there are; with `force` they are deleted."""
        ...


def metadata(owner: str) -> tuple[tuple[str, str], ...]:
    """Of a call about an owner."""
    return ((principal.HEADER, owner), (request_id.HEADER, request_id.current.get() or "-"))


def unreachable(service: str, error: grpc.aio.AioRpcError) -> Unavailable:
    """The call failed."""
    sentence = f"{service.capitalize()} did not do it: {error.details() or error.code().name}"
    return Unavailable(f"{service.upper()}_UNREACHABLE", sentence)
