"""Runs conversions off the event loop, admitted and counted."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from prometheus_client import CollectorRegistry, Counter
from voicebox_kit import call_log
from voicebox_kit.errors import VoiceboxError
from voicebox_kit.permits import Permit, Permits, idle_between
from voicebox_metering.work import OpenWork, Work, WorkKind, uncounted
from voicebox_models.models import Models
from voicebox_sql.clock import Clock

from voicebox_conversion.engine import Engine, Options, Samples, Session
from voicebox_conversion.job import Job, Target, TargetKind
from voicebox_conversion.store.voice_models import VoiceModelStore
from voicebox_conversion.voices.resolver import ResolvedVoice, VoiceResolver

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass
class Conversion:
    """One stream: a session with a voice, admitted. `seconds` is how much speech came so far."""

    engine: Engine
    warnings: tuple[str, ...]
    session: Session
    permit: Permit
    work: Work
    converter: "Converter"
    seconds: float = 0.0

    async def converted(self, pieces: AsyncIterator[Samples], options: Options) -> AsyncGenerator[Samples]:
        """What becomes of the samples that come. The permit is idle while some are awaited."""
        run, waiting = self.converter.run, idle_between(self.permit, pieces)
        rest: list[Samples] = []
        if not options.is_live:
            rest = await self._preview(waiting)
            await run(self.session.begin, np.concatenate(rest) if rest else np.zeros(0, np.float32))
        for piece in rest:
            yield await self._pushed(piece)
        async for piece in waiting:
            yield await self._pushed(piece)
        yield await run(self.session.finish)

    async def _preview(self, pieces: AsyncIterator[Samples]) -> list[Samples]:
        """The beginning of a file, from which the session learns who speaks."""
        preview: list[Samples] = []
        wanted = self.engine.preview_seconds * self.engine.sample_rate_hz
        while wanted > 0:
            piece = await anext(pieces, None)
            if piece is None:
                break
            preview.append(piece)
            wanted -= len(piece)
        return preview

    async def _pushed(self, piece: Samples) -> Samples:
        seconds = len(piece) / self.engine.sample_rate_hz
        await self.work.use(audio_ms=1000 * seconds)
        self.seconds += seconds
        return await self.converter.run(self.session.push, piece)


class Converter:
    """The models and voices, for all callers: each call holds a permit and a session while it runs."""

    def __init__(
        self,
        models: Models[Engine],
        voices: VoiceResolver,
        store: VoiceModelStore,
        executor: Executor,
        permits: Permits,
        registry: CollectorRegistry,
        clock: Clock,
        work: OpenWork = uncounted,
    ) -> None:
        """`work` counts what is converted, for whoever calls."""
        self._models, self._voices, self._store = models, voices, store
        self._executor, self._permits, self._clock, self._work = executor, permits, clock, work
        self._audio_seconds = Counter(
            "voicebox_conversion_audio_seconds", "Speech that was converted.", registry=registry
        )
        self._work_seconds = Counter(
            "voicebox_conversion_work_seconds", "Time that conversion took.", registry=registry
        )

    @asynccontextmanager
    async def opened(self, job: Job) -> AsyncGenerator[Conversion]:
        """Admit the caller, find the voice, and hold a session until the block ends."""
        async with self._permits.acquire() as permit, self._work(WorkKind.CONVERSION) as work:
            found = await self._voices.find(job.target)
            work.model = found.engine.model.name
            call_log.note("model", work.model)
            async with self._models.use(found.engine):
                session = await self.run(found.engine.open, found.voice, job.options)
                conversion = Conversion(found.engine, _warnings(found), session, permit, work, self)
                try:
                    yield conversion
                finally:
                    self._audio_seconds.inc(conversion.seconds)
                    call_log.add("audio_seconds", conversion.seconds)
                    await self._count(job.target, conversion.seconds)

    async def run(self, work: Callable[..., T], *given: object) -> T:
        """Do blocking work in a thread, and count its time. It runs to its end even if the caller leaves."""

        def timed() -> T:
            began = time.perf_counter()
            try:
                return work(*given)
            finally:
                self._work_seconds.inc(time.perf_counter() - began)

        running = asyncio.get_running_loop().run_in_executor(self._executor, timed)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])  # the next user of the permit must not meet it
            raise

    async def _count(self, target: Target, seconds: float) -> None:
        """The statistics of a voice model: the speech was converted, whether they can be written or not."""
        if target.kind is not TargetKind.VOICE_MODEL:
            return
        try:
            await self._store.used(target.owner, target.identity, round(1000 * seconds), self._clock())
        except VoiceboxError as error:
            log.warning("a use of %s was not counted: %s", target.name, error.sentence)


def _warnings(found: ResolvedVoice) -> tuple[str, ...]:
    return (*found.engine.expectations, *found.warnings)
