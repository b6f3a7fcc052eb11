"""Retention rules in the database, and where in the history they cut."""

from collections.abc import Sequence

from sqlalchemy import func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from voicebox_sql.database import Database
from voicebox_sql.keys import time_us_of

from .tables import Generation, RetentionRule, Transcription


class RetentionStore:
    """The rules of all owners."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rule(self, owner: str) -> RetentionRule | None:
        """An owner's rule; None when there is none, which keeps everything."""
        async with self._database.reading() as session:
            return await session.get(RetentionRule, owner)

    async def set_rule(self, rule: RetentionRule) -> RetentionRule:
        """Replace the owner's rule."""

        async def work(session: AsyncSession) -> RetentionRule:
            return await session.merge(rule)

        return await self._database.write(work)

    async def rules(self) -> Sequence[RetentionRule]:
        """All rules that do not keep everything."""
        limited = col(RetentionRule.keep_days).is_not(None) | col(RetentionRule.keep_bytes).is_not(None)
        async with self._database.reading() as session:
            return (
                await session.scalars(select(RetentionRule).where(limited).order_by(col(RetentionRule.owner)))
            ).all()

    async def excess_end_us(self, owner: str, keep_bytes: int) -> int | None:
        """The creation time of the last of the oldest records without which the others' audio has at most `keep_bytes`.

        None when nothing is too much. Favourites count, but are not among those that go.
        """
        records = union_all(
            *(
                select(
                    col(table.key).label("key"),
                    col(table.size_bytes).label("size"),
                    col(table.favorite).label("favorite"),
                ).where(col(table.owner) == owner)
                for table in (Generation, Transcription)
            )
        ).subquery()
        async with self._database.reading() as session:
            excess = int(await session.scalar(select(func.coalesce(func.sum(records.c.size), 0))) or 0) - keep_bytes
            if excess <= 0:
                return None
            going = (
                select(records.c.key, func.sum(records.c.size).over(order_by=records.c.key).label("freed"))
                .where(records.c.favorite.is_(False))
                .subquery()
            )
            enough = await session.scalar(select(func.min(going.c.key)).where(going.c.freed >= literal(excess)))
            last = enough if enough is not None else await session.scalar(select(func.max(going.c.key)))
        return None if last is None else time_us_of(last)
