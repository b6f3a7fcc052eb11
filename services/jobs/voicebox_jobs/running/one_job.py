"""In place of the queue: a worker that takes one run of one job, as in a pod of Kubernetes, and ends with it."""

import asyncio
import logging
import os
import signal
from concurrent.futures import Future
from datetime import datetime

from voicebox_kit.errors import StartError

from voicebox_jobs.store.runs import NewRun

from .queue import Runner, Stopping

log = logging.getLogger(__name__)

ONLY = "JOBS_ONLY"


def run_name(job_id: str, run: int) -> str:
    """What JOBS_ONLY says of a run."""
    return f"{job_id}.{run}"


class OneJob:
    """As Queue. `is_over` when the run has ended, in any way, or there was nothing to do."""

    is_shared = False

    def __init__(self, only: str) -> None:
        job_id, _, run = only.rpartition(".")
        if not job_id or not run.isdecimal():
            raise StartError(f"{ONLY} must be JOB.RUN, not {only!r}.")
        self._job_id, self._run = job_id, int(run)
        self._running: Future[None] | None = None
        self.is_over = False

    def open(self, loop: asyncio.AbstractEventLoop, runner: Runner) -> None:
        """Begin."""
        self._running = asyncio.run_coroutine_threadsafe(self._work(runner), loop)

    def close(self) -> None:
        """Wait until it has stopped. Blocking."""
        if self._running:
            self._running.result()

    def enqueue(self, new: NewRun, *, is_sized: bool) -> None:
        """Other jobs are for others."""

    def recover(self, executors: object) -> None:
        """And so is what dead workers left."""

    def forget(self, before: datetime) -> int:
        """There is no queue here that keeps anything."""
        return 0

    async def _work(self, runner: Runner) -> None:
        try:
            names = await runner.begin(self._job_id, self._run)
            for name in names:
                if not await runner.step(self._job_id, self._run, name):
                    break
            else:
                if names:
                    await runner.finish(self._job_id, self._run)
            self.is_over = True
        except Stopping:
            log.info("jobs/%s goes on elsewhere", self._job_id)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
