"""How much an owner stores, and that it is not more than it may."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlmodel import col
from voicebox_kit.errors import Exhausted

from .tables import Generation, Profile, Sample, Transcription


def stored_bytes(session: Session, owner: str) -> int:
    """The size of an owner's recordings, as they were uploaded, and of the audio of its history."""
    samples = select(func.sum(col(Sample.size_bytes))).join(Profile).where(col(Profile.owner) == owner)
    history = (
        select(func.sum(col(table.size_bytes))).where(col(table.owner) == owner)
        for table in (Generation, Transcription)
    )
    return sum(int(session.scalar(statement) or 0) for statement in (samples, *history))


async def refuse_beyond(session: AsyncSession, owner: str, more_bytes: int, limit: int | None) -> None:
    """Raises Exhausted("STORED_BYTES_EXHAUSTED") where that much more does not fit. On PostgreSQL one transaction of an
    owner checks after another: two that each fit may not fit together.
    """
    if limit is None or more_bytes <= 0:
        return
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"stored_bytes/{owner}", 0))))
    if await session.run_sync(stored_bytes, owner) + more_bytes > limit:
        raise exhausted(owner, limit)


def exhausted(owner: str, limit: int) -> Exhausted:
    """What is raised then."""
    sentence = f"{owner} may store {limit} bytes, and this would be more: delete something first."
    return Exhausted("STORED_BYTES_EXHAUSTED", sentence)
