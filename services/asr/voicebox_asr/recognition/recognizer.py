"""Runs recognition off the event loop, admitted and counted."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram
from voicebox_kit import call_log
from voicebox_kit.bridge import in_thread
from voicebox_kit.permits import Permit, Permits
from voicebox_models.models import Models

from voicebox_asr.engine import SAMPLE_RATE_HZ, Engine, Samples


class Interruptible(Protocol):
    """A Session or a Reader, as far as running it goes."""

    def interrupt(self) -> None: ...
    def close(self) -> None: ...


LAG_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

T = TypeVar("T")
S = TypeVar("S", bound=Interruptible)


class Recognizer:
    """The models, for all callers: each call holds a permit, its model and its own state while it is recognised."""

    def __init__(
        self, models: Models[Engine], executor: Executor, permits: Permits, registry: CollectorRegistry
    ) -> None:
        self.models = models
        self._executor = executor
        self._permits = permits
        self._audio_seconds = Counter("voicebox_asr_audio_seconds", "Audio that was recognised.", registry=registry)
        self._work_seconds = Counter(
            "voicebox_asr_recognition_seconds", "Time that recognition took.", registry=registry
        )
        lag = "Audio that had arrived and was not recognised yet, at each interim and final."
        self.lag_seconds = Histogram("voicebox_asr_lag_seconds", lag, buckets=LAG_SECONDS, registry=registry)
        dropped = "Interims that were left out because the recogniser was behind."
        self.interims_dropped = Counter("voicebox_asr_interims_dropped", dropped, registry=registry)

    @asynccontextmanager
    async def opened(self, engine: Engine, open_state: Callable[[], S]) -> AsyncGenerator[tuple[S, Permit]]:
        """Admit the caller, load the engine, and hold what `open_state` opens until the block ends. The permit is to be
        idle while audio is awaited.
        """
        call_log.note("model", engine.model.name)
        async with self._permits.acquire() as permit, self.models.use(engine):
            opening = asyncio.get_running_loop().run_in_executor(self._executor, open_state)
            try:
                yield await asyncio.shield(opening), permit
            finally:
                await asyncio.shield(self._close(opening))

    def run(self, state: Interruptible, work: Iterator[T]) -> AsyncGenerator[T]:
        """Do a state's work in a thread, item by item; leaving it early interrupts the state."""
        return in_thread(self._timed(work), self._executor, state.interrupt)

    def count(self, samples: Samples) -> None:
        """Count audio that was recognised."""
        seconds = samples.shape[0] / SAMPLE_RATE_HZ
        self._audio_seconds.inc(seconds)
        call_log.add("audio_seconds", seconds)

    async def _close(self, opening: asyncio.Future[S]) -> None:
        """Close a state that was opened, or is just being opened while its caller left."""
        await asyncio.wait([opening])
        if not opening.exception():
            await asyncio.get_running_loop().run_in_executor(self._executor, opening.result().close)

    def _timed(self, work: Iterator[T]) -> Generator[T]:
        while True:
            began = time.perf_counter()
            try:
                item = next(work)
            except StopIteration:
                return
            finally:
                self._work_seconds.inc(time.perf_counter() - began)
            self.models.failures.succeeded()
            yield item
