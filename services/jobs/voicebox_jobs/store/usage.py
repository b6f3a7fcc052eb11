"""What completed steps used, until accounts has it."""

from collections.abc import Collection, Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlmodel import col
from voicebox_sql.database import Database

from voicebox_jobs.state import Counted, Used

from .tables import Job, Usage

BATCH = 100


def add_usage(session: AsyncSession, job: Job, step: str, used: Used, compute_seconds: float, now_us: int) -> None:
    """Write down what a step used, in the transaction that completes it: so it counts once, however often the step is
    run. Nothing counts where nobody is known, or where what the caller does is nobody's usage.
    """
    if not job.principal.get("is_counted"):
        return
    session.add(
        Usage(
            work_id=f"{job.id}.{job.run}.{step}",
            job_id=job.id,
            owner=job.owner,
            key=job.principal["key"],
            kind=used.kind,
            model=used.model,
            audio_ms=round(1000 * used.audio_seconds),
            compute_ms=round(1000 * compute_seconds),
            end_us=now_us,
        )
    )


class UsageStore:
    """The usage of all owners that waits for accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def waiting(self) -> Sequence[Counted]:
        """The oldest, BATCH at most."""
        query = select(Usage).order_by(col(Usage.end_us)).limit(BATCH)

        def found(session: Session) -> Sequence[Counted]:
            return [Counted(**row.model_dump()) for row in session.scalars(query).all()]

        return await self._database.read(found)

    async def forget(self, work_ids: Collection[str]) -> None:
        """Accounts has them."""

        async def work(session: AsyncSession) -> None:
            await session.execute(delete(Usage).where(col(Usage.work_id).in_(work_ids)))

        await self._database.write_deletion(work)
