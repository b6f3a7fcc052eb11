"""Services that a platform may do without, and that have data of owners."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import grpc
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
        """How a person takes these things out, as a sentence, where they are not part of an owner's archive; else
        empty.
        """
        ...

    def files(self, owner: str) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
        """What goes into an owner's archive: names and contents."""
        ...

    async def move(self, owner: str, new_owner: str) -> Counts:
        """Give everything to another owner; how many there were."""
        ...

    async def delete(self, owner: str, *, force: bool) -> Counts:
        """How many there are; with `force` they are deleted."""
        ...


@contextmanager
def reaching(service: str) -> Iterator[None]:
    """Calls of the service with this name. Unavailable when one fails."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        sentence = f"{service.capitalize()} did not do it: {error.details() or error.code().name}"
        raise Unavailable(f"{service.upper()}_UNREACHABLE", sentence) from error
