"""Workers: each has a lease, and what it ran goes back to those that wait when the lease is over."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlmodel import col
from voicebox_sql.clock import Clock
from voicebox_sql.database import Database

from voicebox_jobs.state import State

from .events import add_event
from .tables import Executor, Job

LOST = "lost"
"""Stands in place of the worker that ended while it ran a job."""


class ExecutorStore:
    """The workers that live, and those whose lease is over."""

    def __init__(self, database: Database, lease_us: int, clock: Clock) -> None:
        self._database, self._lease_us, self._clock = database, lease_us, clock

    async def renew(self, executor: str) -> bool:
        """Hold the lease for its length from now; False when another found it over, and took the jobs away."""
        until = self._clock() + self._lease_us

        async def work(session: AsyncSession) -> bool:
            row = await session.get(Executor, executor, with_for_update=True)
            if row is None or row.until_us < 0:
                return False
            row.until_us = until
            return True

        return await self._database.write(work)

    async def enter(self, executor: str) -> None:
        """A new worker."""
        until = self._clock() + self._lease_us

        async def work(session: AsyncSession) -> None:
            await session.merge(Executor(id=executor, until_us=until))

        await self._database.write(work)

    async def expire(self, executor: str) -> None:
        """Its lease is over now: its process has ended."""

        async def work(session: AsyncSession) -> None:
            row = await session.get(Executor, executor, with_for_update=True)
            if row:
                row.until_us = 0

        await self._database.write(work)

    async def take_over(self) -> Sequence[str]:
        """Workers whose lease is over. From now on they cannot renew it, and their jobs wait again."""
        now = self._clock()

        async def work(session: AsyncSession) -> Sequence[str]:
            # One that is over only far in the future was renewed by a wrong clock.
            over = (col(Executor.until_us) < now) | (col(Executor.until_us) > now + 2 * self._lease_us)
            found = (await session.scalars(select(Executor).where(over).with_for_update())).all()
            for row in found:
                row.until_us = -1
            names = [row.id for row in found]
            running = select(Job).where(
                col(Job.executor).in_(names),
                col(Job.state).in_((State.PREPARING, State.RUNNING, State.PUBLISHING)),
            )
            for job in (await session.scalars(running.with_for_update())).all():
                job.state, job.remaining_us, job.executor = State.QUEUED, None, LOST
                await add_event(session, job, now)
            return names

        return await self._database.write(work) if await self._any_over(now) else ()

    async def forget(self, executor: str) -> None:
        """Everything that it ran is back in the queue."""

        async def work(session: AsyncSession) -> None:
            await session.execute(delete(Executor).where(col(Executor.id) == executor))

        await self._database.write(work)

    async def _any_over(self, now: int) -> bool:
        over = (col(Executor.until_us) < now) | (col(Executor.until_us) > now + 2 * self._lease_us)

        def found(session: Session) -> bool:
            return session.scalar(select(col(Executor.id)).where(over).limit(1)) is not None

        return await self._database.read(found)
