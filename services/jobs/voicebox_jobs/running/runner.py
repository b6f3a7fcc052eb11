"""Runs the steps of jobs, each in a task that can be cancelled, and writes down how each ends."""

import asyncio
import logging
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from voicebox_blobs.blobs import Blobs, storage_errors
from voicebox_kit import principal, request_id
from voicebox_kit.errors import Code, Exhausted, Unavailable
from voicebox_kit.open_calls import OpenCalls
from voicebox_kit.principal import Principal

from voicebox_jobs.devices.allowance import Allowance
from voicebox_jobs.devices.devices import Devices
from voicebox_jobs.job_type import Step, Types, Work
from voicebox_jobs.peers.all import Peers
from voicebox_jobs.state import Failure, Outcome, State, failure_of, may_pass
from voicebox_jobs.store.runs import NotOurs, RunStore
from voicebox_jobs.store.tables import Job
from voicebox_jobs.training.process import ProcessDied

from .metrics import Metrics
from .queue import Stopping

log = logging.getLogger(__name__)

ATTEMPTS = 6
"""Of a step whose errors may pass: the pauses between them add up to a minute."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 2.0, 30.0
EVENT_SECONDS = 1.0
"""Progress is written at most so often."""
AWAY_SECONDS = 0.5
"""The database is asked again so often while it is away."""

T = TypeVar("T")


@dataclass
class Running:
    """A job that runs here."""

    job: Job
    allowance: Allowance
    task: "asyncio.Task[Outcome] | None" = None
    is_cancelled: bool = False
    last_event: float = field(default=0.0)


class StepRunner:
    """The jobs that this worker runs now."""

    def __init__(
        self,
        runs: RunStore,
        types: Types,
        blobs: Blobs,
        peers: Peers,
        folder: Path,
        metrics: Metrics,
        calls: OpenCalls,
        devices: Devices,
    ) -> None:
        """`calls` are the steps that run, by the keys of their jobs' creators."""
        self._runs, self._types, self._blobs, self._peers = runs, types, blobs, peers
        self._folder, self._metrics, self._calls = folder, metrics, calls
        self._devices = devices
        self._running: dict[str, Running] = {}

    @property
    def is_idle(self) -> bool:
        """Whether no job runs here."""
        return not self._running

    async def begin(self, job_id: str, run: int) -> Sequence[str]:
        """The names of the job's steps; none when there is nothing to do."""
        job = await self._surely(lambda: self._runs.begin(job_id, run))
        if job is None:
            return ()
        self._running[job_id] = Running(job, Allowance(job.timeout_us / 1e6))
        self._metrics.began(job)
        return job.steps

    async def step(self, job_id: str, run: int, name: str) -> bool:
        """Run a step that is not completed yet; whether the job goes on. Raises Stopping."""
        running = self._running.get(job_id)
        if running is None:
            raise Stopping
        try:
            return await self._step(running, run, name)
        except NotOurs as error:
            self._forget(job_id)
            if error.is_lost:
                log.warning("jobs/%s is another worker's now", job_id)
                raise Stopping from error
            await self._clear(job_id)
            return False

    async def finish(self, job_id: str, run: int) -> None:
        """All steps are completed."""
        await self._ended(job_id, run, State.SUCCEEDED)

    def cancel(self, job_ids: Sequence[str]) -> None:
        """Cancel these jobs where they run."""
        for running in (self._running[each] for each in job_ids if each in self._running):
            running.is_cancelled = True
            if running.task:
                running.task.cancel()

    async def stop(self, *, release: bool) -> None:
        """End all work here. With `release` the jobs wait again at once; else another worker has them already."""
        for job_id, running in list(self._running.items()):
            if running.task:
                running.task.cancel()
                await asyncio.wait([running.task])
            if release:
                try:
                    await self._runs.release(job_id, running.job.run)
                except (NotOurs, Unavailable, Exhausted):
                    log.warning("jobs/%s is taken over when the lease is over", job_id)
        self._running.clear()

    async def _step(self, running: Running, run: int, name: str) -> bool:
        job = running.job
        completed = await self._surely(lambda: self._runs.completed(job.id))
        if name in completed:
            return True
        steps = self._types[job.type].steps
        step = next(each for each in steps if each.name == name)
        base = sum(each.share for each in steps[: steps.index(step)])
        await self._surely(lambda: self._runs.report(job.id, run, step.state, "", base, None))
        work = self._work(running, completed, step, base)
        allowed = running.allowance.seconds
        try:
            outcome = await self._outcome(running, step, work)
        except NotOurs:
            raise
        except _Over as over:
            await self._ended(job.id, run, over.state, over.failure)
            return False
        worked = allowed - running.allowance.seconds
        await self._surely(lambda: self._runs.complete(job.id, run, name, outcome, worked))
        return True

    async def _outcome(self, running: Running, step: Step, work: Work) -> Outcome:
        """What the step leaves. Raises _Over when the job ends here, Stopping when this worker does."""
        if running.is_cancelled:
            raise _Over(State.CANCELLED)
        _act_for(running.job)
        running.task = asyncio.create_task(self._attempts(step, work))
        while not running.task.done() and (seconds := running.allowance.seconds):
            await asyncio.wait([running.task], timeout=max(seconds, 0.1))
        if not running.task.done():
            running.task.cancel()
            await asyncio.wait([running.task])
            sentence = f"It took longer than {work.job.timeout_us / 1e6:g} s."
            raise _Over(State.FAILED, Failure(Code.DEADLINE_EXCEEDED, "JOB_TIMEOUT", sentence))
        if running.task.cancelled():
            if running.is_cancelled:
                raise _Over(State.CANCELLED)
            raise Stopping
        error = running.task.exception()
        match error:
            case None:
                return running.task.result()
            case NotOurs() | _Over():
                raise error
            case Exception():
                if failure_of(error).reason == "INTERNAL":
                    log.error("jobs/%s failed in %s", work.job.id, step.name, exc_info=error)
                raise _Over(State.FAILED, failure_of(error))
        raise error

    async def _attempts(self, step: Step, work: Work) -> Outcome:
        """What the step leaves, tried again where that may help. Unauthenticated when the creator's key was revoked."""
        with self._calls.running(principal.current.get()):
            return await self._tried(step, work)

    async def _tried(self, step: Step, work: Work) -> Outcome:
        attempt = 0
        while True:
            try:
                with storage_errors():
                    return await step.run(work)
            except ProcessDied as error:
                log.warning("jobs/%s ended its process in %s: %s", work.job.id, step.name, error)
                if not await self._surely(lambda: self._runs.died(work.job.id, work.job.run)):
                    raise NotOurs from error
            except Exception as error:
                attempt += 1
                if attempt == ATTEMPTS or not may_pass(error):
                    raise
                log.info("jobs/%s tries %s again: %s", work.job.id, step.name, error)
                await asyncio.sleep(min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (attempt - 1)))

    def _work(self, running: Running, completed: Mapping[str, Mapping[str, Any]], step: Step, base: float) -> Work:
        job, began, first, last = running.job, time.monotonic(), [0.0], [0.0]

        async def report(fraction: float | None, stage: str = "") -> None:
            now = time.monotonic()
            if fraction is None:
                fraction = last[0]
                await asyncio.sleep(running.last_event + EVENT_SECONDS - now)
            elif now - running.last_event < EVENT_SECONDS:
                return
            running.last_event, last[0] = time.monotonic(), fraction
            first[0] = first[0] or fraction  # what was done before, by an earlier attempt, took no time of this one
            share, done = now - began, fraction - first[0]
            remaining = round(1e6 * share * (1 - fraction) / done) if done > 0 else None
            progress = base + step.share * min(1.0, fraction)
            await self._runs.report(job.id, job.run, step.state, stage, progress, remaining)

        device = self._devices.of_job(job.device, job.device_memory_bytes, running.allowance)
        folder = self._folder / job.id
        return Work(job, step.name, completed, self._runs, self._blobs, self._peers, folder, report, device)

    async def _ended(self, job_id: str, run: int, state: State, failure: Failure | None = None) -> None:
        running = self._running.get(job_id)
        await self._surely(lambda: self._runs.end(job_id, run, state, failure))
        self._forget(job_id)
        await self._clear(job_id)
        if running:
            self._metrics.ended(running.job, state)

    async def _clear(self, job_id: str) -> None:
        await asyncio.to_thread(shutil.rmtree, self._folder / job_id, ignore_errors=True)

    def _forget(self, job_id: str) -> None:
        running = self._running.pop(job_id, None)
        if running:
            self._metrics.left(running.job)

    async def _surely(self, write: Callable[[], Awaitable[T]]) -> T:
        """Until the database answers, however long that takes: what is written here decides how the job goes on."""
        while True:
            try:
                return await write()
            except (Unavailable, Exhausted) as error:
                log.warning("the database is asked again: %s", error.sentence)
                await asyncio.sleep(AWAY_SECONDS)


class _Over(Exception):
    """The job ends in this state."""

    def __init__(self, state: State, failure: Failure | None = None) -> None:
        super().__init__(state)
        self.state, self.failure = state, failure


def _act_for(job: Job) -> None:
    """Calls of this task are made for who created the job, and count for them."""
    request_id.current.set(job.id)
    if job.principal:
        principal.current.set(Principal(**{**job.principal, "scopes": frozenset(job.principal["scopes"])}))
