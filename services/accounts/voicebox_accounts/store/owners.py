"""All that accounts stores about one owner."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlmodel import col
from voicebox_kit.errors import AlreadyExists
from voicebox_sql.database import Database

from .tables import DayCount, Key, Limits, MinuteCount, Reservation, Usage

OWNED: Sequence[type[Key] | type[Usage] | type[Reservation]] = (Key, Usage, Reservation)


@dataclass(frozen=True)
class AccountContents:
    """How much accounts has of an owner."""

    keys: int
    limits: int
    usage: int


class OwnerStore:
    """What accounts stores, by owner."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def contents(self, owner: str) -> AccountContents:
        """How much there is."""
        return await self._database.read(lambda session: _contents(session, owner))

    async def move(self, owner: str, new_owner: str) -> AccountContents:
        """Give everything to another owner, in one transaction. AlreadyExists when both have limits."""

        async def work(session: AsyncSession) -> AccountContents:
            return await session.run_sync(_move, owner, new_owner)

        return await self._database.write(work)

    async def delete(self, owner: str) -> AccountContents:
        """Delete everything; what there was."""

        async def work(session: AsyncSession) -> AccountContents:
            return await session.run_sync(_delete, owner)

        return await self._database.write_deletion(work)

    async def keys(self, owner: str) -> Sequence[Key]:
        """All keys of an owner."""
        query = select(Key).where(col(Key.owner) == owner).order_by(col(Key.row))
        return await self._database.read(lambda session: session.scalars(query).all())

    async def usage(self, owner: str) -> Sequence[Usage]:
        """All usage of an owner, oldest first."""
        query = select(Usage).where(col(Usage.owner) == owner).order_by(col(Usage.end_us))
        return await self._database.read(lambda session: session.scalars(query).all())


def _contents(session: Session, owner: str) -> AccountContents:
    def count(table: type[Key] | type[Usage]) -> int:
        return session.scalar(select(func.count()).select_from(table).where(col(table.owner) == owner)) or 0

    limits = select(func.count()).select_from(Limits).where(col(Limits.subject).in_(_subjects(session, owner)))
    return AccountContents(keys=count(Key), limits=session.scalar(limits) or 0, usage=count(Usage))


def _subjects(session: Session, owner: str) -> list[str]:
    keys = session.scalars(select(col(Key.id)).where(col(Key.owner) == owner)).all()
    return [f"owners/{owner}", *(f"keys/{key}" for key in keys)]


def _move(session: Session, owner: str, new_owner: str) -> AccountContents:
    found, old, new = _contents(session, owner), f"owners/{owner}", f"owners/{new_owner}"
    if session.get(Limits, old) and session.get(Limits, new):
        raise AlreadyExists("limits", f"{new}/limits")
    session.execute(update(Limits).where(col(Limits.subject) == old).values(subject=new))
    for count in session.scalars(select(DayCount).where(col(DayCount.subject) == old)).all():
        target = session.get(DayCount, (new, count.day)) or DayCount(subject=new, day=count.day)
        target.characters += count.characters
        target.audio_ms += count.audio_ms
        target.downloads += count.downloads
        session.add(target)
        session.delete(count)
    for table in OWNED:
        session.execute(update(table).where(col(table.owner) == owner).values(owner=new_owner))
    return found


def _delete(session: Session, owner: str) -> AccountContents:
    found, subjects = _contents(session, owner), _subjects(session, owner)
    for counted in (Limits, DayCount, MinuteCount):
        session.execute(delete(counted).where(col(counted.subject).in_(subjects)))
    for table in OWNED:
        session.execute(delete(table).where(col(table.owner) == owner))
    return found
