"""Events: each change of a job that others may see becomes one, in the same transaction."""

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlmodel import col
from voicebox_sql.database import Database

from .tables import Counter, Event, Job

COUNTER = "events"
PAGE = 500


async def add_event(session: AsyncSession, job: Job, time_us: int) -> None:
    """Write what the job is now as its newest event. The last statement of a transaction: it holds all other events
    back until the commit, so that their numbers become visible in order.
    """
    job.sequence = await next_sequence(session)
    session.add(event_of(job, time_us))
    await session.flush()


async def next_sequence(session: AsyncSession) -> int:
    """The number of the next event; nobody else gets one until the commit."""
    taken = update(Counter).where(col(Counter.name) == COUNTER).values(value=col(Counter.value) + 1)
    return (await session.scalars(taken.returning(col(Counter.value)))).one()


def event_of(job: Job, time_us: int) -> Event:
    """What the job is now, under its newest number."""
    return Event(
        sequence=job.sequence,
        job_key=job.key,
        job_id=job.id,
        owner=job.owner,
        time_us=time_us,
        state=job.state,
        stage=job.stage,
        progress=job.progress,
        remaining_us=job.remaining_us,
        attempt=job.attempt,
        error_code=job.error_code,
        error_reason=job.error_reason,
        error_message=job.error_message,
    )


class EventStore:
    """The events of all jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self) -> int:
        """The number of the newest event; 0 when there is none."""
        query = select(col(Counter.value)).where(col(Counter.name) == COUNTER)
        return await self._database.read(lambda session: session.scalar(query) or 0)

    async def after(self, sequence: int, *, job_key: int | None = None, owner: str | None = None) -> Sequence[Event]:
        """The events after a number, oldest first, PAGE at most: of one job, of one owner, or all of them."""
        query = select(Event).where(col(Event.sequence) > sequence).order_by(col(Event.sequence)).limit(PAGE)
        if job_key is not None:
            query = query.where(col(Event.job_key) == job_key)
        if owner is not None:
            query = query.where(col(Event.owner) == owner)

        def found(session: Session) -> Sequence[Event]:
            return session.scalars(query).all()

        return await self._database.read(found)
