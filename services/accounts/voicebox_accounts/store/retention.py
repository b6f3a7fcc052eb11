"""Removes what is old."""

from sqlalchemy import CursorResult, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from voicebox_sql.database import Database

from .tables import DayCount, Usage

ROWS = 1000
"""In one transaction: nobody waits for long."""


class RetentionStore:
    """The rows of all owners."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def remove_usage(self, before_day: int) -> int:
        """Remove work that ended before a day; how many rows, at most ROWS: call it again until there are fewer."""
        old = select(col(Usage.work_id)).where(col(Usage.day) < before_day).limit(ROWS)
        removal = delete(Usage).where(col(Usage.work_id).in_(old))

        async def work(session: AsyncSession) -> int:
            removed = await session.execute(removal)
            assert isinstance(removed, CursorResult)
            return removed.rowcount

        return await self._database.write(work)

    async def remove_counts(self, before_day: int) -> None:
        """Remove what limits counted on the days before."""

        async def work(session: AsyncSession) -> None:
            await session.execute(delete(DayCount).where(col(DayCount.day) < before_day))

        await self._database.write(work)
