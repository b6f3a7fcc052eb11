"""Jobs as the worker that runs them changes them: each write is refused when the job is not its own any more."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import delete, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlmodel import col
from voicebox_blobs.blobs import Blob
from voicebox_sql.clock import Clock
from voicebox_sql.database import Database
from voicebox_sql.stored_bytes import exhausted, refuse_beyond, within

from voicebox_jobs.state import ENDED, MAX_DEATHS, MAX_WARNINGS, Failure, ItemState, Outcome, State

from .events import add_event
from .stored_bytes import stored_bytes
from .tables import File, Input, Item, Job, Step
from .usage import add_usage

BATCH = 500
"""Items are read and written so many at a time."""
AHEAD = 100
"""Jobs of each queue that DBOS knows while they wait: more than all workers begin until they look again."""

T = TypeVar("T")


class NotOurs(Exception):
    """This worker must not touch the job any more: it has ended; or, where it `is_lost`, it goes on elsewhere."""

    def __init__(self, *, is_lost: bool = False) -> None:
        super().__init__("The job goes on elsewhere." if is_lost else "The job has ended.")
        self.is_lost = is_lost


@dataclass(frozen=True)
class NewRun:
    """A job that waits: the device that it needs, how much of its memory, where it says so, and its newest event."""

    job_id: str
    run: int
    device: str
    device_memory_bytes: int
    priority: int
    sequence: int


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

    async def not_enqueued(self) -> Sequence[NewRun]:
        """Jobs that the queue does not know yet, of the AHEAD that start next in each queue: what waits longer costs
        the queue nothing, and thousands are accepted without its work.
        """
        number = func.row_number().over(partition_by=col(Job.queue), order_by=col(Job.place)).label("number")
        next_ones = select(col(Job.key), number).where(col(Job.state) == State.QUEUED).subquery()
        columns = (
            col(Job.id),
            col(Job.run),
            col(Job.device),
            col(Job.device_memory_bytes),
            col(Job.priority),
            col(Job.sequence),
        )
        query = (
            select(*columns)
            .join(next_ones, next_ones.c.key == col(Job.key))
            .where(next_ones.c.number <= AHEAD, col(Job.is_enqueued).is_(False))
            .order_by(col(Job.place))
        )

        def found(session: Session) -> Sequence[NewRun]:
            return [NewRun(*row) for row in session.execute(query).all()]

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

    async def seen(self, job_id: str) -> Job | None:
        """The job as it is now, whoever runs it."""
        return await self._database.read(lambda session: session.scalar(select(Job).where(col(Job.id) == job_id)))

    async def say_waiting(self, job_id: str, run: int, stage: str) -> None:
        """Say for what a run waits that nobody has begun."""

        async def change(session: AsyncSession, job: Job, now: int) -> None:
            if job.state == State.QUEUED:
                job.stage = stage
                await add_event(session, job, now)

        await self._changed_by_anybody(job_id, run, change)

    async def end_unowned(self, job_id: str, run: int, state: State, failure: Failure | None) -> None:
        """A run has ended whose worker is gone; nothing happens where that wrote down the end itself."""

        async def change(session: AsyncSession, job: Job, now: int) -> None:
            _end(job, state, now, failure)
            await add_event(session, job, now)

        await self._changed_by_anybody(job_id, run, change)

    async def _changed_by_anybody(
        self, job_id: str, run: int, change: Callable[[AsyncSession, Job, int], Awaitable[None]]
    ) -> None:
        """Change a job that has not ended."""
        now = self._clock()

        async def work(session: AsyncSession) -> None:
            job = await session.scalar(select(Job).where(col(Job.id) == job_id).with_for_update())
            if job is not None and job.run == run and job.state not in ENDED:
                await change(session, job, now)

        await self._database.write(work)

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

    async def complete(self, job_id: str, run: int, step: str, outcome: Outcome, compute_seconds: float = 0.0) -> None:
        """The step is completed, after so long; what it used counts from now on."""

        async def change(session: AsyncSession, job: Job, now: int) -> None:
            session.add(
                Step(
                    job_key=job.key, name=step, output=outcome.output, outputs=outcome.outputs,
                    warnings=list(outcome.warnings), end_us=now,
                )
            )  # fmt: skip
            job.outputs = {**job.outputs, **outcome.outputs}
            fresh = [each for each in outcome.warnings if each not in job.warnings]
            job.warnings = [*job.warnings, *fresh][:MAX_WARNINGS]
            if outcome.used:
                add_usage(session, job, step, outcome.used, compute_seconds, now)

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

    async def add_file(
        self, job_id: str, run: int, step: str, name: str, blob: Blob, content_type: str, *, result: bool
    ) -> str:
        """Keep a file that a step of the job made; what it replaces, as a blob's name, or nothing.
        Exhausted("STORED_BYTES_EXHAUSTED") when it does not fit into what the owner may store.
        """

        async def change(session: AsyncSession, job: Job, _now: int) -> str:
            old = await session.get(File, (job.key, name))
            replaced, replaced_bytes = (old.blob, old.size_bytes) if old else ("", 0)
            more = blob.size_bytes - replaced_bytes
            await refuse_beyond(session, stored_bytes, job.owner, more, _limit(job))
            if old:
                await session.delete(old)
                await session.flush()
            session.add(
                File(
                    job_key=job.key, name=name, is_result=result, blob=blob.name, content_type=content_type,
                    size_bytes=blob.size_bytes, sha256=blob.sha256, step=step,
                )
            )  # fmt: skip
            return replaced

        return await self._changed(job_id, run, change)

    async def within_limit(self, job: Job, blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The bytes of a file, which ends where the owner may store no more: Exhausted("STORED_BYTES_EXHAUSTED")."""
        if (limit := _limit(job)) is None:
            return blocks
        return within(blocks, len, job.owner, await self._stored(job, limit), limit)

    async def refuse_beyond_limit(self, job: Job) -> None:
        """Raises the same where the owner stores more than it may."""
        if (limit := _limit(job)) is not None:
            await self._stored(job, limit)

    async def _stored(self, job: Job, limit: int) -> int:
        stored = await self._database.read(lambda session: stored_bytes(session, job.owner))
        if stored > limit:
            raise exhausted(job.owner, limit)
        return stored

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
            for start in range(0, len(items), BATCH):  # rows and not objects: thousands of these would stay in memory
                rows = [
                    Item(
                        job_key=job.key,
                        number=start + number,
                        state=state,
                        fields=dict(item.fields),
                        output=item.output,
                    )
                    for number, item in enumerate(items[start : start + BATCH])
                ]
                await session.execute(insert(Item), [row.model_dump() for row in rows])
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


def _limit(job: Job) -> int | None:
    """How much its owner may store, as it was when the job was created."""
    limit: int | None = job.principal.get("stored_bytes")
    return limit


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
