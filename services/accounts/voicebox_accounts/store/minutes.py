"""How many requests of a minute are taken, in the database."""

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from voicebox_sql.database import Database

from .tables import MinuteCount

KEPT_MINUTES = 5


class MinuteStore:
    """The counts of all subjects."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, subject: str, minute: int, wanted: int, maximum: int) -> tuple[int, int]:
        """Take up to `wanted` requests of a minute that has `maximum`: how many were got, and how many all replicas
        took.
        """

        async def work(session: AsyncSession) -> tuple[int, int]:
            row = await session.get(MinuteCount, (subject, minute), with_for_update=True)
            if row is None:
                old = delete(MinuteCount).where(col(MinuteCount.minute) < minute - KEPT_MINUTES)
                await session.execute(old)
                row = MinuteCount(subject=subject, minute=minute)
                session.add(row)
            got = max(0, min(wanted, maximum - row.taken))
            row.taken += got
            await session.flush()
            return got, row.taken

        return await self._database.write(work)
