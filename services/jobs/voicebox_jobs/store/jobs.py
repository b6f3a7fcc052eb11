"""Jobs as their owners see and change them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlmodel import col
from voicebox_kit.errors import Exhausted, InvalidField, NotFound, Precondition
from voicebox_sql.clock import Clock
from voicebox_sql.database import Database
from voicebox_sql.keys import draw_key
from voicebox_sql.stored_bytes import refuse_beyond

from voicebox_jobs.state import ENDED, MAX_WARNINGS, State

from .events import add_event, event_of, next_sequence
from .stored_bytes import stored_bytes
from .tables import Event, File, Input, InputUse, Item, Job, Step

INPUTS = 500
"""Looked for at a time."""
PLACES = 1 << 55
"""Of jobs with one priority: creation keys in microseconds fit in here."""


@dataclass(frozen=True)
class JobView:
    """A job with what stands in other tables about it. `queue_place` is 0 when it does not wait."""

    job: Job
    steps: Sequence[Step] = ()
    results: Sequence[File] = ()
    queue_place: int = 0


@dataclass
class Deleted:
    """How much was deleted, and the blobs that no row holds any more."""

    jobs: int = 0
    inputs: int = 0
    blobs: list[str] = field(default_factory=list)


class JobStore:
    """The jobs of all owners."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def create(
        self, job: Job, inputs: Collection[str], max_running: int | None = None, max_stored_bytes: int | None = None
    ) -> Job:
        """Queue a new job, or return the one with its request id; Precondition("REQUEST_ID_REUSED") where that is
        another. NotFound for an input that is not the owner's. Exhausted("CONCURRENT_JOBS_EXHAUSTED") when
        `max_running` of the owner's have not ended, Exhausted("STORED_BYTES_EXHAUSTED") when it may store no more.
        """
        now = self._clock()

        async def work(session: AsyncSession) -> Job:
            if job.request_id and (stored := await session.scalar(_by_request(job.owner, job.request_id))):
                return _same(stored, job)
            await _check_inputs(session, job.owner, inputs)
            await _check_running(session, job.owner, max_running)
            await refuse_beyond(session, stored_bytes, job.owner, 1, max_stored_bytes)
            key = draw_key(now)
            sequence = await next_sequence(session)
            new = Job(**{**job.model_dump(), "key": key, "place": place(job.priority, key), "sequence": sequence})
            uses = [InputUse(job_key=key, input_id=each) for each in sorted(set(inputs))]
            session.add_all((new, event_of(new, now), *uses))  # in one flush: thousands may be created
            await session.flush()
            return new

        return await self._database.write(work)

    async def least_busy(self, devices: Sequence[str]) -> str:
        """The device for which the fewest jobs have not ended; of several, the first."""
        query = (
            select(col(Job.device), func.count())
            .where(col(Job.state) < State.SUCCEEDED, col(Job.device).in_(devices))
            .group_by(col(Job.device))
        )

        def found(session: Session) -> Mapping[str, int]:
            return dict(session.execute(query).all())

        counts = await self._database.read(found)
        return min(devices, key=lambda device: counts.get(device, 0))

    async def place_of(self, job: Job) -> int:
        """The place of a job that waits in its queue, 1 for the next one."""
        return await self._database.read(lambda session: _place(session, job.key))

    async def view(self, owner: str, job_id: str) -> JobView:
        """NotFound."""

        def work(session: Session) -> JobView:
            job = session.scalar(_by_id(owner, job_id))
            if job is None:
                raise NotFound("job", f"jobs/{job_id}")
            return _views(session, [job])[0]

        return await self._database.read(work)

    async def page(
        self, owner: str, filters: Sequence[ColumnElement[bool]], before: int | None, size: int
    ) -> Sequence[JobView]:
        """An owner's jobs, newest first: those before a key."""
        query = select(Job).where(col(Job.owner) == owner, *filters).order_by(col(Job.key).desc()).limit(size)
        if before is not None:
            query = query.where(col(Job.key) < before)
        return await self._database.read(lambda session: _views(session, session.scalars(query).all()))

    async def cancel(self, owner: str, job_id: str) -> None:
        """One that waits is cancelled now, one that runs by its worker soon. NotFound."""
        now = self._clock()

        async def work(session: AsyncSession) -> None:
            job = await _locked(session, owner, job_id)
            if job.state in ENDED:
                return
            job.is_cancelling = True
            if job.state == State.QUEUED:
                job.state, job.end_us, job.executor = State.CANCELLED, now, ""
                await add_event(session, job, now)

        await self._database.write_deletion(work)

    async def retry(self, owner: str, job_id: str, from_step: str) -> list[str]:
        """Queue it again; the blobs that no row holds any more. NotFound, Precondition, InvalidField."""
        now = self._clock()

        async def work(session: AsyncSession) -> list[str]:
            job = await _locked(session, owner, job_id)
            if job.state == State.QUEUED:
                return []
            _refuse_retry(job, from_step)
            blobs = await _forget_steps(session, job, from_step) if from_step else []
            job.run, job.is_enqueued, job.state = job.run + 1, False, State.QUEUED
            job.stage, job.progress, job.remaining_us, job.deaths = "", 0.0, None, 0
            job.executor, job.is_cancelling, job.end_us = "", False, None
            job.error_code, job.error_reason, job.error_message = 0, "", ""
            await add_event(session, job, now)
            return blobs

        return await self._database.write(work)

    async def delete(self, owner: str, job_id: str) -> Deleted:
        """Delete one that has ended. NotFound, Precondition."""

        async def work(session: AsyncSession) -> Deleted:
            job = await _locked(session, owner, job_id)
            if job.state not in ENDED:
                raise Precondition("JOB_NOT_ENDED", f"jobs/{job_id}", "The job has not ended: cancel it first.")
            return await session.run_sync(delete_jobs, [job.key])

        return await self._database.write_deletion(work)

    async def result(self, owner: str, job_id: str, name: str) -> File:
        """A file that a job made. NotFound."""
        query = (
            select(File)
            .join(Job, col(Job.key) == col(File.job_key))
            .where(col(Job.owner) == owner, col(Job.id) == job_id, col(File.name) == name, col(File.is_result))
        )
        found = await self._database.read(lambda session: session.scalar(query))
        if found is None:
            raise NotFound("result", f"jobs/{job_id}/results/{name}")
        return found

    async def items(self, owner: str, job_id: str, after: int, size: int) -> Sequence[Item]:
        """The items of a batch behind a number, in order. NotFound."""

        def work(session: Session) -> Sequence[Item]:
            key = session.scalar(select(col(Job.key)).where(col(Job.owner) == owner, col(Job.id) == job_id))
            if key is None:
                raise NotFound("job", f"jobs/{job_id}")
            query = select(Item).where(col(Item.job_key) == key, col(Item.number) > after)
            return session.scalars(query.order_by(col(Item.number)).limit(size)).all()

        return await self._database.read(work)

    async def update_item(
        self, owner: str, job_id: str, number: int, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    ) -> Item:
        """Change the fields of an item of a job that has ended. NotFound, Precondition."""

        async def work(session: AsyncSession) -> Item:
            job = await _locked(session, owner, job_id)
            item = await session.get(Item, (job.key, number))
            if item is None:
                raise NotFound("item", f"jobs/{job_id}/items/{number}")
            if job.state not in ENDED:
                raise Precondition("JOB_NOT_ENDED", f"jobs/{job_id}", "The job has not ended.")
            item.fields = dict(change(item.fields))
            return item

        return await self._database.write(work)


def place(priority: int, key: int) -> int:
    """Where a job stands among those that wait: lower numbers start first."""
    return -priority * PLACES + key // 1024


def delete_jobs(session: Session, keys: Sequence[int]) -> Deleted:
    """Delete jobs with all that belongs to them."""
    blobs: list[str] = []
    for table in (File, Item):
        query = select(col(table.blob)).where(col(table.job_key).in_(keys), col(table.blob) != "")
        blobs += session.scalars(query).all()
    for owned in (File, Item, Step, Event, InputUse):
        session.execute(delete(owned).where(col(owned.job_key).in_(keys)))
    session.execute(delete(Job).where(col(Job.key).in_(keys)))
    return Deleted(jobs=len(keys), blobs=blobs)


def _same(stored: Job, job: Job) -> Job:
    fields = ("type", "request", "labels", "priority", "timeout_us", "device_memory_bytes")
    if any(getattr(stored, name) != getattr(job, name) for name in fields):
        sentence = "This request id came before, with another job: draw a new one."
        raise Precondition("REQUEST_ID_REUSED", f"jobs/{stored.id}", sentence)
    return stored


def _by_request(owner: str, request_id: str) -> Select[Job]:
    return select(Job).where(col(Job.owner) == owner, col(Job.request_id) == request_id)


def _by_id(owner: str, job_id: str) -> Select[Job]:
    return select(Job).where(col(Job.owner) == owner, col(Job.id) == job_id)


async def _locked(session: AsyncSession, owner: str, job_id: str) -> Job:
    job = await session.scalar(_by_id(owner, job_id).with_for_update())
    if job is None:
        raise NotFound("job", f"jobs/{job_id}")
    return job


async def _check_inputs(session: AsyncSession, owner: str, inputs: Collection[str]) -> None:
    """Many at a time: nobody else writes meanwhile."""
    wanted = sorted(set(inputs))
    for start in range(0, len(wanted), INPUTS):
        some = wanted[start : start + INPUTS]
        query = select(col(Input.id)).where(col(Input.owner) == owner, col(Input.id).in_(some))
        if missing := set(some) - set((await session.scalars(query)).all()):
            raise NotFound("input", f"inputs/{min(missing)}")


async def _check_running(session: AsyncSession, owner: str, maximum: int | None) -> None:
    if maximum is None:
        return
    query = select(func.count()).select_from(Job).where(col(Job.owner) == owner, col(Job.state) < State.SUCCEEDED)
    if (await session.scalar(query) or 0) >= maximum:
        sentence = f"{owner} may have {maximum} jobs that have not ended, and has: wait for one, or cancel it."
        raise Exhausted("CONCURRENT_JOBS_EXHAUSTED", sentence, 60.0)


def _refuse_retry(job: Job, from_step: str) -> None:
    if job.state == State.SUCCEEDED and not from_step:
        sentence = "The job has succeeded: create a new one, or name the step from which it is to be done again."
        raise Precondition("JOB_SUCCEEDED", f"jobs/{job.id}", sentence)
    if job.state not in ENDED:
        raise Precondition("JOB_NOT_ENDED", f"jobs/{job.id}", "The job has not ended.")


async def _forget_steps(session: AsyncSession, job: Job, from_step: str) -> list[str]:
    """As if they had not run, but for results, which stay until others take their place; the blobs that no row holds
    any more.
    """
    if from_step not in job.steps:
        raise InvalidField("from_step", f"from_step must be one of {', '.join(job.steps)}, not {from_step[:100]!r}.")
    names = job.steps[job.steps.index(from_step) :]
    of_job = col(Step.job_key) == job.key
    await session.execute(delete(Step).where(of_job, col(Step.name).in_(names)))
    made = select(File).where(col(File.job_key) == job.key, col(File.step).in_(names), ~col(File.is_result))
    files = (await session.scalars(made)).all()
    for file in files:
        await session.delete(file)
    left = (await session.scalars(select(Step).where(of_job).order_by(col(Step.end_us)))).all()
    job.outputs = {name: value for step in left for name, value in step.outputs.items()}
    job.warnings = list(dict.fromkeys(warning for step in left for warning in step.warnings))[:MAX_WARNINGS]
    return [file.blob for file in files]


def _views(session: Session, jobs: Sequence[Job]) -> list[JobView]:
    keys = [job.key for job in jobs]
    steps, results = dict[int, list[Step]](), dict[int, list[File]]()
    for step in session.scalars(select(Step).where(col(Step.job_key).in_(keys))).all():
        steps.setdefault(step.job_key, []).append(step)
    query = select(File).where(col(File.job_key).in_(keys), col(File.is_result)).order_by(col(File.name))
    for file in session.scalars(query).all():
        results.setdefault(file.job_key, []).append(file)
    places = _places(session, [job.key for job in jobs if job.state == State.QUEUED])
    return [JobView(job, steps.get(job.key, ()), results.get(job.key, ()), places.get(job.key, 0)) for job in jobs]


def _places(session: Session, keys: Sequence[int]) -> Mapping[int, int]:
    """The place in its queue of each of these jobs, which wait; 1 for the next one."""
    if not keys:
        return {}
    if len(keys) == 1:
        return {keys[0]: _place(session, keys[0])}
    number = func.row_number().over(partition_by=col(Job.queue), order_by=col(Job.place)).label("number")
    waiting = select(col(Job.key), number).where(col(Job.state) == State.QUEUED).subquery()
    found = session.execute(select(waiting.c.key, waiting.c.number).where(waiting.c.key.in_(keys))).all()
    return dict(found)


def _place(session: Session, key: int) -> int:
    """The same for one job, without looking at those behind it."""
    queue, place = session.execute(select(col(Job.queue), col(Job.place)).where(col(Job.key) == key)).one()
    before = (col(Job.state) == State.QUEUED, col(Job.queue) == queue, col(Job.place) <= place)
    return session.scalar(select(func.count()).select_from(Job).where(*before)) or 0
