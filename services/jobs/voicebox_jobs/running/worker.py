"""The loops of a worker: it hands new jobs to the queue, keeps its lease, takes over from dead workers, and looks for
jobs that are to be cancelled.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from voicebox_kit.background import Background
from voicebox_kit.errors import Exhausted, Unavailable

from voicebox_jobs.devices.devices import Devices
from voicebox_jobs.store.executors import ExecutorStore
from voicebox_jobs.store.runs import RunStore

from .dispatcher import Dispatcher
from .one_job import OneJob
from .queue import Queue
from .runner import StepRunner

log = logging.getLogger(__name__)

NEW_SECONDS = 0.5
"""New jobs are looked for so often where nobody says that there is one."""
TOGETHER_SECONDS = 0.1
"""Jobs that come so soon after others are looked for and handed over together."""
CANCEL_SECONDS = 0.25
CLOSE_SECONDS = 15.0


@dataclass(frozen=True)
class Retention:
    """How long what has ended is kept, and how often what is older is deleted."""

    age: timedelta
    pause_seconds: float


class Worker:
    """One worker. Its id is `executor`; `news` is set when there is a new job."""

    def __init__(
        self,
        runs: RunStore,
        executors: ExecutorStore,
        runner: StepRunner | Dispatcher,
        queue: Queue | OneJob,
        devices: Devices,
        executor: str,
        lease_seconds: float,
        retention: Retention,
        news: asyncio.Event,
    ) -> None:
        self._retention = retention
        self._runs, self._executors, self._runner, self._queue = runs, executors, runner, queue
        self._devices = devices
        self._executor, self._lease_seconds, self._news = executor, lease_seconds, news
        self._renewed = time.monotonic()

    @asynccontextmanager
    async def running(self, background: Background, lost: asyncio.Event) -> AsyncIterator[None]:
        """Run jobs until the block ends; `lost` is set when the lease is, after all work has ended."""
        await self._executors.enter(self._executor)
        await asyncio.to_thread(self._queue.open, asyncio.get_running_loop(), self._runner)
        try:
            async with AsyncExitStack() as stack:
                enter = stack.enter_async_context
                await enter(background.running("lease", lambda: self._keep_lease(lost), is_vital=True))
                await enter(background.running("cancel", self._look_for_cancelled))
                if self._queue.is_shared:
                    await enter(background.running("queue", self._hand_over, is_vital=True))
                    await enter(background.running("reaper", self._take_over))
                    await enter(background.running("retention", self._forget_old))
                yield
        finally:
            await self._close(lost)

    async def _close(self, lost: asyncio.Event) -> None:
        """What still runs goes back to those that wait; the lease ends, so that another worker takes it at once."""
        closing = asyncio.create_task(asyncio.to_thread(self._queue.close))
        await self._runner.stop(release=not lost.is_set())
        with suppress(Unavailable, Exhausted):
            await self._executors.expire(self._executor)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await closing

    async def _keep_lease(self, lost: asyncio.Event) -> None:
        """Renew the lease three times within its length. When it cannot be renewed all work ends before others take
        it over.
        """
        while not lost.is_set():
            if await self._renew():
                self._renewed = time.monotonic()
            elif time.monotonic() - self._renewed > 0.8 * self._lease_seconds:
                log.error("the lease of this worker is lost: all its work ends")
                await self._runner.stop(release=False)
                lost.set()
            await asyncio.sleep(self._lease_seconds / 4)
        await asyncio.Event().wait()

    async def _renew(self) -> bool:
        try:
            async with asyncio.timeout(self._lease_seconds / 4):
                is_ours = await self._executors.renew(self._executor)
        except (Unavailable, Exhausted, TimeoutError) as error:
            log.warning("the lease is not renewed: %s", error)
            return False
        if not is_ours:
            self._renewed = float("-inf")
        return is_ours

    async def _hand_over(self) -> None:
        """Jobs that the queue does not know are put into it: once each, though others do the same."""
        while True:
            self._news.clear()
            found = await self._runs.not_enqueued()
            for each in found:
                is_sized = self._devices.is_sized(each.device, each.device_memory_bytes)
                await asyncio.to_thread(self._queue.enqueue, each, is_sized=is_sized)
            if found:
                await self._runs.set_enqueued([(each.job_id, each.run) for each in found])
            await asyncio.sleep(TOGETHER_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(NEW_SECONDS):
                    await self._news.wait()

    async def _forget_old(self) -> None:
        """What DBOS keeps of runs goes with the retention, as all else of a job does."""
        while True:
            count = await asyncio.to_thread(self._queue.forget, datetime.now(UTC) - self._retention.age)
            if count:
                log.info("%d runs were older than the retention", count)
            await asyncio.sleep(self._retention.pause_seconds)

    async def _look_for_cancelled(self) -> None:
        while True:
            if not self._runner.is_idle:
                self._runner.cancel(await self._runs.cancelling())
            await asyncio.sleep(CANCEL_SECONDS)

    async def _take_over(self) -> None:
        """What dead workers ran goes back into the queue."""
        while True:
            dead = await self._executors.take_over()
            if dead:
                log.warning("the lease of %s is over: their jobs wait again", ", ".join(dead))
                await asyncio.to_thread(self._queue.recover, dead)
                for each in dead:
                    await self._executors.forget(each)
            await asyncio.sleep(min(1.0, self._lease_seconds / 4))
