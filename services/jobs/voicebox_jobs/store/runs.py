"""Jobs as the worker that runs them changes them: each write is refused when the job is not its own any more."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlmodel import col
from voicebox_blobs.blobs import Blob
from voicebox_sql.clock import Clock
from voicebox_sql.database import Database

from voicebox_jobs.state import ENDED, MAX_DEATHS, Failure, ItemState, Outcome, State

from .events import add_event
from .tables import File, Input, Item, Job, Step

BATCH = 500
"""Items are read and written so many at a time."""
MAX_WARNINGS = 100

T = TypeVar("T")


class NotOurs(Exception):
    """This worker must not touch the job any more: it has ended; or, where it `is_lost`, it goes on elsewhere."""

    def __init__(self, *, is_lost: bool = False) -> None:
        super().__init__("The job goes on elsewhere." if is_lost else "The job has ended.")
        self.is_lost = is_lost


@dataclass(frozen=True)
class NewItem:
    """What is to be done, and the name of its file."""

    fields: Mapping[str, Any]
    output: str


@dataclass(frozen=True)
class DoneItem:
    """The outcome of an item."""

    blob: Blob | None = None
    duration_us: int = 0
    result: Mapping[str, Any] | None = None
    failure: Failure | None = None


class RunStore:
    """The jobs that one worker runs. `executor` is its id."""

    def __init__(self, database: Database, executor: str, clock: Clock) -> None:
        self._database, self._executor, self._clock = database, executor, clock

    async def not_enqueued(self) -> Sequence[tuple[str, int, str, str, int]]:
        """Id, run, device, queue and priority of jobs that wait and that the queue does not know yet, oldest first."""
        query = (
            select(col(Job.id), col(Job.run), col(Job.device), col(Job.queue), col(Job.priority))
            .where(col(Job.state) == State.QUEUED, col(Job.is_enqueued).is_(False))
            .order_by(col(Job.place))
            .limit(BATCH)
        )

        def found(session: Session) -> Sequence[tuple[str, int, str, str, int]]:
            return [(row[0], row[1], row[2], row[3], row[4]) for row in session.execute(query).all()]

        return await self._database.read(found)

    async def set_enqueued(self, runs: Collection[tuple[str, int]]) -> None:
        """The queue knows them."""

        async def work(session: AsyncSession) -> None:
            known = tuple_(col(Job.id), col(Job.run)).in_(list(runs))
            await session.execute(update(Job).where(known).values(is_enqueued=True))

        await self._database.write(work)

    async def begin(self, job_id: str, run: int) -> Job | None:
        """Make the job this worker's own; None when there is nothing to do any more: it has ended, or was cancelled or
        is dead now, or is queued anew.
        """
        now = self._clock()

        async def work(session: AsyncSession) -> Job | None:
            job = await session.scalar(select(Job).where(col(Job.id) == job_id).with_for_update())
            if job is None or job.run != run or job.state in ENDED:
                return None
            if job.executor not in ("", self._executor):
                job.deaths += 1
            if job.is_cancelling or job.deaths >= MAX_DEATHS:
                _end(job, State.CANCELLED if job.is_cancelling else State.DEAD, now)
                await add_event(session, job, now)
                return None
            job.executor, job.attempt, job.start_us = self._executor, job.attempt + 1, now
            job.state, job.stage, job.remaining_us = State.PREPARING, "", None
            await add_event(session, job, now)
            return job

        return await self._database.write(work)

    async def died(self, job_id: str, run: int) -> bool:
        """The job ended the process that did its work; whether it may be tried again, else it is dead now."""

        async def change(session: AsyncSession, job: Job, now: int) -> bool:
            job.deaths += 1
            if job.deaths < MAX_DEATHS:
                job.attempt += 1
                return True
            _end(job, State.DEAD, now)
            await add_event(session, job, now)
            return False

        return await self._changed(job_id, run, change)

    async def report(
        self, job_id: str, run: int, state: State, stage: str, progress: float, remaining_us: int | None
    ) -> None:
        """Say how far it is; progress never goes back."""

        async def change(session: AsyncSession, job: Job, now: int) -> None:
            job.state, job.stage, job.remaining_us = state, stage[:200], remaining_us
            job.progress = max(job.progress, min(1.0, progress))
            await add_event(session, job, now)

        await self._changed(job_id, run, change)

    async def completed(self, job_id: str) -> Mapping[str, Mapping[str, Any]]:
        """What the completed steps left, by their names."""
        query = select(Step).join(Job, col(Job.key) == col(Step.job_key)).where(col(Job.id) == job_id)

        def found(session: Session) -> Mapping[str, Mapping[str, Any]]:
            return {step.name: step.output for step in session.scalars(query).all()}

        return await self._database.read(found)

    async def complete(self, job_id: str, run: int, step: str, outcome: Outcome) -> None:
        """The step is completed."""

        async def change(session: AsyncSession, job: Job, now: int) -> None:
            session.add(Step(job_key=job.key, name=step, output=outcome.output, end_us=now))
            job.outputs = {**job.outputs, **outcome.outputs}
            fresh = [each for each in outcome.warnings if each not in job.warnings]
            job.warnings = [*job.warnings, *fresh][:MAX_WARNINGS]

        await self._changed(job_id, run, change)

    async def end(self, job_id: str, run: int, state: State, failure: Failure | None = None) -> None:
        """The job has ended. It finds space on a full disk, too."""

        async def change(session: AsyncSession, job: Job, now: int) -> None:
            _end(job, state, now, failure)
            await add_event(session, job, now)

        await self._changed(job_id, run, change, deletes=True)

    async def release(self, job_id: str, run: int) -> None:
        """Give the job back to those that wait: the worker stops, and the job has done nothing wrong."""

        async def change(session: AsyncSession, job: Job, now: int) -> None:
            job.state, job.executor, job.remaining_us = State.QUEUED, "", None
            await add_event(session, job, now)

        await self._changed(job_id, run, change)

    async def cancelling(self) -> Sequence[str]:
        """The ids of this worker's jobs that are to be cancelled."""
        query = select(col(Job.id)).where(
            col(Job.executor) == self._executor, col(Job.is_cancelling), col(Job.state) < State.SUCCEEDED
        )
        return await self._database.read(lambda session: session.scalars(query).all())

    async def input(self, job: Job, input_id: str) -> Input | None:
        """An input of the job's owner."""
        query = select(Input).where(col(Input.owner) == job.owner, col(Input.id) == input_id)
        return await self._database.read(lambda session: session.scalar(query))

    async def add_file(self, job_id: str, run: int, name: str, blob: Blob, content_type: str, *, result: bool) -> str:
        """Keep a file of the job; what it replaces, as a blob's name, or nothing."""

        async def change(session: AsyncSession, job: Job, _now: int) -> str:
            old = await session.get(File, (job.key, name))
            replaced = old.blob if old else ""
            if old:
                await session.delete(old)
                await session.flush()
            session.add(
                File(
                    job_key=job.key, name=name, is_result=result, blob=blob.name, content_type=content_type,
                    size_bytes=blob.size_bytes, sha256=blob.sha256,
                )
            )  # fmt: skip
            return replaced

        return await self._changed(job_id, run, change)

    async def file(self, job: Job, name: str) -> File | None:
        """A file of the job."""
        return await self._database.read(lambda session: session.get(File, (job.key, name)))

    async def result_of(self, job: Job, other_id: str, name: str) -> File | None:
        """A result of another job of the same owner."""
        query = (
            select(File)
            .join(Job, col(Job.key) == col(File.job_key))
            .where(col(Job.id) == other_id, col(Job.owner) == job.owner, col(File.name) == name, col(File.is_result))
        )
        return await self._database.read(lambda session: session.scalar(query))

    async def set_items(
        self, job_id: str, run: int, items: Sequence[NewItem], state: ItemState = ItemState.WAITING
    ) -> None:
        """Write all items of a job anew, in one transaction."""

        async def change(session: AsyncSession, job: Job, _now: int) -> None:
            await session.execute(delete(Item).where(col(Item.job_key) == job.key))
            session.add_all(
                Item(
                    job_key=job.key,
                    number=number,
                    state=state,
                    fields=dict(item.fields),
                    output=item.output,
                )
                for number, item in enumerate(items)
            )
            done = len(items) if state == ItemState.DONE else 0
            job.item_count, job.items_done, job.items_failed = len(items), done, 0

        await self._changed(job_id, run, change)

    async def forget_failed_items(self, job_id: str, run: int) -> None:
        """Items that failed before wait again."""

        async def change(session: AsyncSession, job: Job, _now: int) -> None:
            failed = select(Item).where(col(Item.job_key) == job.key, col(Item.state) == ItemState.FAILED)
            for item in (await session.scalars(failed)).all():
                item.state, item.error_code, item.error_reason, item.error_message = ItemState.WAITING, 0, "", ""
            job.items_failed = 0

        await self._changed(job_id, run, change)

    async def items(self, job: Job, after: int, state: ItemState | None = None) -> Sequence[Item]:
        """Items behind a number in order, BATCH at most."""
        query = select(Item).where(col(Item.job_key) == job.key, col(Item.number) > after)
        if state is not None:
            query = query.where(col(Item.state) == state)
        query = query.order_by(col(Item.number)).limit(BATCH)

        def found(session: Session) -> Sequence[Item]:
            return session.scalars(query).all()

        return await self._database.read(found)

    async def counts(self, job: Job) -> tuple[int, int, int]:
        """How many items there are, how many are done, and how many failed."""
        query = select(col(Item.state), func.count()).where(col(Item.job_key) == job.key).group_by(col(Item.state))

        def found(session: Session) -> Mapping[int, int]:
            return dict(session.execute(query).all())

        by_state = await self._database.read(found)
        return sum(by_state.values()), by_state.get(ItemState.DONE, 0), by_state.get(ItemState.FAILED, 0)

    async def finish_item(self, job_id: str, run: int, number: int, done: DoneItem) -> None:
        """An item is done, or failed for good."""

        async def change(session: AsyncSession, job: Job, _now: int) -> None:
            item = await session.get(Item, (job.key, number))
            if item is None or item.state != ItemState.WAITING:
                raise NotOurs
            item.state = ItemState.FAILED if done.failure else ItemState.DONE
            item.duration_us, item.result = done.duration_us, dict(done.result or {})
            if done.blob:
                item.blob, item.size_bytes = done.blob.name, done.blob.size_bytes
            if done.failure:
                item.error_code, item.error_reason = done.failure.code, done.failure.reason
                item.error_message = done.failure.sentence
            job.items_done += not done.failure
            job.items_failed += bool(done.failure)

        await self._changed(job_id, run, change)

    async def _changed(
        self,
        job_id: str,
        run: int,
        change: Callable[[AsyncSession, Job, int], Awaitable[T]],
        *,
        deletes: bool = False,
    ) -> T:
        """Change a job that is this worker's. Raises NotOurs."""
        now = self._clock()

        async def work(session: AsyncSession) -> T:
            job = await session.scalar(select(Job).where(col(Job.id) == job_id).with_for_update())
            if job is None or job.run != run or job.state in ENDED:
                raise NotOurs
            if job.executor != self._executor:
                raise NotOurs(is_lost=True)
            return await change(session, job, now)

        return await (self._database.write_deletion(work) if deletes else self._database.write(work))


def _end(job: Job, state: State, now: int, failure: Failure | None = None) -> None:
    job.state, job.end_us, job.executor, job.remaining_us = state, now, "", None
    if state == State.SUCCEEDED:
        job.progress = 1.0
    if state == State.DEAD:
        failure = Failure(
            13, "JOB_DEAD", f"It ended the process that ran it {job.deaths} times, and is not tried again."
        )
    if failure:
        job.error_code, job.error_reason, job.error_message = failure.code, failure.reason, failure.sentence
