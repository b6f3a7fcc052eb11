"""Work in the background that never ends silently: what fails is logged, started again, and part of health."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry, Gauge

from .errors import VoiceboxError

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
"""Before a task that failed is started again; each failure in a row doubles the pause."""
STEADY_SECONDS = 10.0
"""A task that runs for so long after a failure is well again."""

Report = Callable[[str, bool], Awaitable[None]]
"""Gets a task's name, and whether it is well."""


class Background:
    """The background tasks of one service."""

    def __init__(self, registry: CollectorRegistry, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._sleep = sleep
        self._is_healthy = dict[str, bool]()
        self._vital = set[str]()
        self._reports = list[Report]()
        self._failing = Gauge(
            "voicebox_background_failing",
            "Background tasks that failed and are not well yet.",
            ["task"],
            registry=registry,
        )

    @property
    def tasks(self) -> Mapping[str, bool]:
        """Each task that runs, and whether it is well."""
        return self._is_healthy

    @property
    def are_vital_healthy(self) -> bool:
        """Whether all vital tasks are well."""
        return all(self._is_healthy[name] for name in self._vital)

    @asynccontextmanager
    async def running(
        self, name: str, work: Callable[[], Awaitable[None]], *, is_vital: bool = False
    ) -> AsyncIterator[None]:
        """Run `work`, which has no end, until the block ends. When it fails or ends it is started again after a pause.

        While a vital task is not well, the service is NOT_SERVING.
        """
        if is_vital:
            self._vital.add(name)
        await self._report_health(name, is_healthy=True)
        task = asyncio.create_task(self._supervise(name, work), name=name)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            del self._is_healthy[name]
            self._vital.discard(name)

    @asynccontextmanager
    async def reporting(self, report: Report) -> AsyncIterator[None]:
        """Report how each task is, now and whenever that changes, until the block ends."""
        self._reports.append(report)
        try:
            for name, is_healthy in list(self._is_healthy.items()):
                await report(name, is_healthy)
            yield
        finally:
            self._reports.remove(report)

    async def _supervise(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        pause_seconds = FIRST_PAUSE_SECONDS
        while True:
            if await self._run(name, work):
                pause_seconds = FIRST_PAUSE_SECONDS
            await self._report_health(name, is_healthy=False)
            log.error("the background task %s starts again in %g s", name, pause_seconds)
            await self._sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)

    async def _run(self, name: str, work: Callable[[], Awaitable[None]]) -> bool:
        """Run it until it fails or ends, which is logged; whether it had been well meanwhile."""
        running = asyncio.ensure_future(work())
        steady = asyncio.ensure_future(self._sleep(STEADY_SECONDS))
        try:
            await asyncio.wait({running, steady}, return_when=asyncio.FIRST_COMPLETED)
            was_steady = not running.done()
            if was_steady:
                await self._report_health(name, is_healthy=True)
                await asyncio.wait({running})
            _log_end(name, running)
            return was_steady
        finally:
            for future in (running, steady):
                future.cancel()
            await asyncio.gather(running, steady, return_exceptions=True)

    async def _report_health(self, name: str, *, is_healthy: bool) -> None:
        self._is_healthy[name] = is_healthy
        self._failing.labels(name).set(not is_healthy)
        for report in self._reports:
            await report(name, is_healthy)


def _log_end(name: str, ended: "asyncio.Future[None]") -> None:
    error = None if ended.cancelled() else ended.exception()
    if isinstance(error, VoiceboxError):  # it says what is wrong; a traceback is for bugs
        log.error("the background task %s failed: %s", name, error.sentence)
    elif error:
        log.error("the background task %s failed", name, exc_info=error)
    else:
        log.error("the background task %s ended", name)
