"""Work that needs a device runs in pods of Kubernetes: one Job there for each run of a job, which is followed from
here. In its pod a worker takes that one run, from the same database and blobs.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from voicebox_kit.errors import Code, Exhausted, Unavailable

from voicebox_jobs.state import ENDED, Failure, State
from voicebox_jobs.store.runs import RunStore
from voicebox_jobs.store.tables import Job

from .kubernetes import Phase, PodJobs
from .one_job import ONLY, run_name
from .queue import Stopping
from .runner import StepRunner

log = logging.getLogger(__name__)

POD = "pod"
"""The one step that the queue knows of such a run; the job's own are run in the pod."""
LOOK_SECONDS = 1.0
AWAY_SECONDS = 5.0

T = TypeVar("T")


class Dispatcher:
    """As StepRunner, which does what needs no device. `env` is passed to every pod."""

    def __init__(self, runner: StepRunner, runs: RunStore, pods: PodJobs, env: Mapping[str, str]) -> None:
        self._runner, self._runs, self._pods, self._env = runner, runs, pods, env
        self._following: set[asyncio.Task[object]] = set()

    @property
    def is_idle(self) -> bool:
        """Whether no job runs here; those in pods are not meant."""
        return self._runner.is_idle

    async def begin(self, job_id: str, run: int) -> Sequence[str]:
        """As StepRunner.begin; of work that needs a device, the step POD."""
        job = await _patiently(lambda: self._runs.seen(job_id))
        return (POD,) if job and job.device else await self._runner.begin(job_id, run)

    async def step(self, job_id: str, run: int, name: str) -> bool:
        """As StepRunner.step. POD lasts until the run has ended in its pod."""
        if name != POD:
            return await self._runner.step(job_id, run, name)
        task = asyncio.current_task()
        assert task
        self._following.add(task)
        try:
            await self._follow(job_id, run)
        except asyncio.CancelledError as error:
            raise Stopping from error
        finally:
            self._following.discard(task)
        return False

    async def finish(self, job_id: str, run: int) -> None:
        """As StepRunner.finish; a run in a pod is finished there."""
        await self._runner.finish(job_id, run)

    def cancel(self, job_ids: Sequence[str]) -> None:
        """As StepRunner.cancel; a pod looks for itself."""
        self._runner.cancel(job_ids)

    async def stop(self, *, release: bool) -> None:
        """As StepRunner.stop. Pods go on, and are followed by another worker."""
        for task in self._following:
            task.cancel()
        await self._runner.stop(release=release)

    async def _follow(self, job_id: str, run: int) -> None:
        name, said = f"voicebox-{run_name(job_id, run).replace('.', '-')}", None
        while _is_open(job := await _patiently(lambda: self._runs.seen(job_id)), run):
            if job and job.is_cancelling and job.state == State.QUEUED:  # its pod died before it could be cancelled
                await self._end(job_id, run, State.CANCELLED, None)
                continue
            seen = await _patiently(lambda: self._pods.see(name))
            if seen.phase is Phase.ABSENT:
                await _patiently(lambda: self._pods.create(name, {**self._env, ONLY: run_name(job_id, run)}))
            elif seen.phase is Phase.ENDED:
                await self._end(job_id, run, State.FAILED, _failed(seen.message))
            elif seen.phase is not Phase.RUNNING and seen.phase is not said:
                said = seen.phase
                await _patiently(partial(self._runs.say_waiting, job_id, run, said.value))
            await asyncio.sleep(LOOK_SECONDS)
        await _patiently(lambda: self._pods.delete(name))

    async def _end(self, job_id: str, run: int, state: State, failure: Failure | None) -> None:
        """The run has ended, unless its pod wrote down meanwhile how."""
        await _patiently(lambda: self._runs.end_unowned(job_id, run, state, failure))


def _is_open(job: Job | None, run: int) -> bool:
    return job is not None and job.run == run and job.state not in ENDED


def _failed(message: str) -> Failure:
    return Failure(Code.UNAVAILABLE, "POD_FAILED", f"Its pods ended without a result: {message}"[:500])


async def _patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Until the database, or Kubernetes, answers."""
    while True:
        try:
            return await call()
        except (Unavailable, Exhausted) as error:
            log.warning("it is asked again: %s", error.sentence)
            await asyncio.sleep(AWAY_SECONDS)
