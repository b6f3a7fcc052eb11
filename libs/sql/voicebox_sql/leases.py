"""Leases: the right of one process to do a shared task, held by the process named in a row until the time
beside it.
"""

from sqlalchemy import BigInteger, CursorResult, delete, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from .clock import Clock
from .database import Database


class LeaseRow(SQLModel):
    """The columns that a service's table of leases has."""

    name: str = Field(primary_key=True)
    holder: str
    until_us: int = Field(sa_type=BigInteger)


class Leases:
    """The leases of one process, `holder`, each for `seconds` from when it was last acquired.

    Clocks can go backwards, and those of two machines differ: so nobody concludes from a clock of their own that they
    still hold a lease. Before each step of the work it acquires the lease again, which fails once another has it.
    """

    def __init__(self, database: Database, table: type[LeaseRow], holder: str, seconds: float, clock: Clock) -> None:
        self._database = database
        self._table = table
        self._holder = holder
        self._seconds = seconds
        self._clock = clock

    async def acquire(self, name: str) -> bool:
        """Whether this process holds the lease now: it held it already, nobody did, or another's has expired.

        One that expires more than twice our length from now was acquired with a wrong clock, and counts as expired.
        """
        now_us = self._clock()
        length_us = round(self._seconds * 1_000_000)
        until_us = now_us + length_us

        table = self._table

        async def work(session: AsyncSession) -> bool:
            over = (col(table.until_us) <= now_us) | (col(table.until_us) > now_us + 2 * length_us)
            ours = (col(table.holder) == self._holder) | over
            change = update(table).where(col(table.name) == name, ours).values(holder=self._holder, until_us=until_us)
            changed = await session.execute(change)
            assert isinstance(changed, CursorResult)
            if changed.rowcount:
                return True
            if await session.get(table, name):
                return False
            session.add(table(name=name, holder=self._holder, until_us=until_us))  # of two who add it, one is run again
            await session.flush()
            return True

        return await self._database.write(work)

    async def release(self, name: str) -> None:
        """Let another process acquire it at once."""

        table = self._table

        async def work(session: AsyncSession) -> None:
            await session.execute(delete(table).where(col(table.name) == name, col(table.holder) == self._holder))

        await self._database.write(work)
