"""How much an owner stores."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from .tables import Generation, Profile, Sample, Transcription


def stored_bytes(session: Session, owner: str) -> int:
    """The size of an owner's recordings, as they were uploaded, and of the audio of its history."""
    samples = select(func.sum(col(Sample.size_bytes))).join(Profile).where(col(Profile.owner) == owner)
    history = (
        select(func.sum(col(table.size_bytes))).where(col(table.owner) == owner)
        for table in (Generation, Transcription)
    )
    return sum(int(session.scalar(statement) or 0) for statement in (samples, *history))
