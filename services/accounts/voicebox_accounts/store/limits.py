"""Limits in the database."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlmodel import col
from voicebox_sql.database import Database

from .tables import Limits

LimitsBySubject = Mapping[str, Mapping[str, int]]


class LimitStore:
    """The limits of all subjects, `owners/{owner}` and `keys/{key}`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, subjects: Sequence[str]) -> LimitsBySubject:
        """The limits that are set, by subject and name."""
        return await self._database.read(lambda session: limits_of(session, subjects))

    async def change(self, subject: str, changes: Mapping[str, int | None]) -> Mapping[str, int]:
        """Set some limits of a subject; None takes one away. Returns all that are set then."""

        async def work(session: AsyncSession) -> Mapping[str, int]:
            row = await session.get(Limits, subject) or Limits(subject=subject)
            for name, value in changes.items():
                setattr(row, name, value)
            session.add(row)
            await session.flush()
            return _set(row)

        return await self._database.write(work)


def limits_of(session: Session, subjects: Sequence[str]) -> LimitsBySubject:
    """The limits that are set, by subject and name."""
    rows = session.scalars(select(Limits).where(col(Limits.subject).in_(subjects))).all()
    return {row.subject: _set(row) for row in rows}


def _set(row: Limits) -> Mapping[str, int]:
    given: Mapping[str, object] = row.model_dump()
    return {name: value for name, value in given.items() if isinstance(value, int)}
