"""How much an owner may store: what is checked before, while and when something is stored."""

from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from voicebox_kit.errors import Exhausted

StoredBytes = Callable[[Session, str], int]
"""How much an owner stores in a service's tables."""
Piece = TypeVar("Piece")


async def refuse_beyond(
    session: AsyncSession, stored_bytes: StoredBytes, owner: str, more_bytes: int, limit: int | None
) -> None:
    """Raises Exhausted("STORED_BYTES_EXHAUSTED") where that much more does not fit. On PostgreSQL one transaction of an
    owner checks after another: two that each fit may not fit together.
    """
    if limit is None or more_bytes <= 0:
        return
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"stored_bytes/{owner}", 0))))
    if await session.run_sync(stored_bytes, owner) + more_bytes > limit:
        raise exhausted(owner, limit)


async def within(
    pieces: AsyncIterator[Piece], size_bytes: Callable[[Piece], int], owner: str, stored: int, limit: int
) -> AsyncIterator[Piece]:
    """The pieces of a file, which end with the same error as soon as they are more than the owner may still store."""
    left = limit - stored
    async for piece in pieces:
        left -= size_bytes(piece)
        if left < 0:
            raise exhausted(owner, limit)
        yield piece


def exhausted(owner: str, limit: int) -> Exhausted:
    """What is raised then."""
    sentence = f"{owner} may store {limit} bytes, and this would be more: delete something first."
    return Exhausted("STORED_BYTES_EXHAUSTED", sentence)
