"""Downloads that several callers share: the first one starts it, and it ends when the last one leaves."""

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from voicebox_kit.errors import StartError, Unavailable

from .engine import Downloadable, Loadable
from .progress import Progress

E = TypeVar("E", bound=Loadable)

AT_ONCE = 2
"""More would share one line's bandwidth, and take threads that loading needs."""

REPORT_SECONDS = 0.25

NOTHING_YET = Progress(0, 0)


class _Abandoned(Exception):
    """No caller waits for the download any more."""


@dataclass(eq=False)
class _Download(Generic[E]):
    """One that runs. `report` is called from its thread."""

    engine: E
    progress: Progress = NOTHING_YET
    watchers: int = 0
    abandoned: bool = False
    task: "asyncio.Task[None]" = field(init=False)

    def report(self, progress: Progress) -> None:
        if self.abandoned:
            raise _Abandoned
        self.progress = progress


class Downloads(Generic[E]):
    """The downloads of one service's models, each run once in `executor` however many callers want it."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._running: dict[str, _Download[E]] = {}

    def engines(self) -> list[E]:
        """Those whose models are being fetched."""
        return [download.engine for download in self._running.values()]

    def progress(self, engine: E) -> Progress | None:
        """How far the download of an engine's model is; None when there is none."""
        download = self._running.get(engine.model.name)
        return download.progress if download else None

    async def watch(self, engine: E) -> AsyncGenerator[Progress]:
        """Fetch what is missing of an engine's model, and yield the progress about four times a second, at least once.

        Raises the VoiceboxError that ended it, Unavailable("MODEL_NOT_DOWNLOADED") where the engine could not.
        """
        download = await self._join(engine)
        try:
            while not download.task.done():
                yield download.progress
                await asyncio.wait([download.task], timeout=REPORT_SECONDS)
            await download.task
            yield download.progress
        finally:
            download.watchers -= 1
            download.abandoned = not download.watchers

    async def close(self) -> None:
        """End all downloads, and wait until they are ended: a hub that does not answer is given up after
        Hub.stall_seconds.
        """
        running = list(self._running.values())
        for download in running:
            download.abandoned = True
        await asyncio.gather(*(download.task for download in running), return_exceptions=True)

    async def _join(self, engine: E) -> _Download[E]:
        """The download that runs, or a new one. One that was just abandoned must end first: both would write the same
        files.
        """
        while (running := self._running.get(engine.model.name)) and running.abandoned:
            await asyncio.wait([running.task])
        download = running or self._begin(engine)
        download.watchers += 1
        return download

    def _begin(self, engine: E) -> _Download[E]:
        download = self._running[engine.model.name] = _Download(engine)
        download.task = asyncio.create_task(self._run(download))
        download.task.add_done_callback(asyncio.Task.exception)  # retrieved, or asyncio logs it when no caller waits
        return download

    async def _run(self, download: _Download[E]) -> None:
        engine = download.engine
        try:
            async with self._slots:
                download.report(NOTHING_YET)
                await asyncio.get_running_loop().run_in_executor(
                    self._executor, _files(engine).download, download.report
                )
        except _Abandoned:
            raise Unavailable(
                "MODEL_NOT_DOWNLOADED", f"The download of models/{engine.model.name} was given up."
            ) from None
        except StartError as error:
            raise Unavailable("MODEL_NOT_DOWNLOADED", str(error), 60.0) from error
        finally:
            del self._running[engine.model.name]


def _files(engine: Loadable) -> Downloadable:
    assert isinstance(engine.files, Downloadable)
    return engine.files
