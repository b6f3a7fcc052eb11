"""How much an owner stores."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from .tables import File, Input, Item, Job


def stored_bytes(session: Session, owner: str) -> int:
    """The size of an owner's inputs, of the files that its jobs keep, and of those of their items."""
    inputs = select(func.sum(col(Input.size_bytes))).where(col(Input.owner) == owner)
    made = (
        select(func.sum(col(table.size_bytes)))
        .join(Job, col(Job.key) == col(table.job_key))
        .where(col(Job.owner) == owner)
        for table in (File, Item)
    )
    return sum(int(session.scalar(statement) or 0) for statement in (inputs, *made))
