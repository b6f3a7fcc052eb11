"""Runs recognition off the event loop, admitted and counted."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from concurrent.futures import Executor
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter
from voicebox_kit.bridge import in_thread
from voicebox_kit.permits import Permits

from .endpointing import Endpointing
from .engine import SAMPLE_RATE_HZ, Engine, Samples, Session
from .live import Event, LiveRecognizer
from .segmentation import Segmenter
from .transcription import Transcriber
from .utterance import Utterance

FILE_ENDPOINTING = Endpointing(end_silence_seconds=0.8)
"""Nobody waits for the first utterance of a file: longer ones give the language model more to go by."""

T = TypeVar("T")


class Control(Enum):
    """What a live stream may hold besides sound."""

    END_UTTERANCE = auto()


@dataclass(frozen=True)
class Transcript:
    """All that was heard in a file, and how long it took; the wait for a permit is left out."""

    utterances: tuple[Utterance, ...]
    audio_seconds: float
    recognition_seconds: float


@dataclass(frozen=True)
class Done:
    """A live stream is done."""

    audio_seconds: float
    finals: int


class Recognizer:
    """One engine, for all streams: each holds a permit and a session while it is heard."""

    def __init__(self, engine: Engine, executor: Executor, permits: Permits, registry: CollectorRegistry) -> None:
        self.engine = engine
        self._executor = executor
        self._permits = permits
        self._audio_seconds = Counter("voicebox_asr_audio_seconds", "Sound that was heard.", registry=registry)
        self._work_seconds = Counter("voicebox_asr_recognition_seconds", "Time that recognition took.", registry=registry)

    async def transcribe(self, sound: AsyncIterator[Samples], language: str) -> Transcript:
        """The utterances of a whole file, which is read as it is heard. Raises what `sound` raises."""
        utterances: list[Utterance] = []
        async with self._session(language) as session:
            began = time.perf_counter()
            segmenter = Segmenter(self.engine.voice_activity(), FILE_ENDPOINTING)
            transcriber = Transcriber(session, segmenter)
            async for samples in sound:
                utterances += [found async for found in self._run(session, transcriber.hear(samples)) if found]
                self._audio_seconds.inc(samples.size / SAMPLE_RATE_HZ)
            utterances += [found async for found in self._run(session, transcriber.finish()) if found]
            return Transcript(tuple(utterances), segmenter.seconds, time.perf_counter() - began)

    async def listen(
        self, sound: AsyncIterator[Samples | Control], language: str, endpointing: Endpointing, *, interim_results: bool
    ) -> AsyncGenerator[Event | Done]:
        """The events of a live stream, as they happen. Nothing more is read of `sound` while the engine is busy."""
        async with self._session(language) as session:
            segmenter = Segmenter(self.engine.voice_activity(), endpointing)
            live = LiveRecognizer(session, segmenter, interim_results)
            async for item in sound:
                if isinstance(item, Control):
                    work = live.end_utterance()
                else:
                    work = live.hear(item)
                    self._audio_seconds.inc(item.size / SAMPLE_RATE_HZ)
                async with aclosing(self._run(session, work)) as events:
                    async for event in events:
                        yield event
            async with aclosing(self._run(session, live.finish())) as events:
                async for event in events:
                    yield event
            yield Done(segmenter.seconds, live.finals)

    @asynccontextmanager
    async def _session(self, language: str) -> AsyncGenerator[Session]:
        async with self._permits.take():
            opening = asyncio.get_running_loop().run_in_executor(self._executor, self.engine.open, language)
            try:
                yield await asyncio.shield(opening)
            finally:
                await asyncio.shield(self._close(opening))

    async def _close(self, opening: asyncio.Future[Session]) -> None:
        """Close a session that was opened, or is just being opened while its caller left."""
        await asyncio.wait([opening])
        if not opening.exception():
            await asyncio.get_running_loop().run_in_executor(self._executor, opening.result().close)

    def _run(self, session: Session, work: Iterator[T]) -> AsyncGenerator[T]:
        return in_thread(self._timed(work), self._executor, session.interrupt)

    def _timed(self, work: Iterator[T]) -> Generator[T]:
        while True:
            began = time.perf_counter()
            try:
                item = next(work)
            except StopIteration:
                return
            finally:
                self._work_seconds.inc(time.perf_counter() - began)
            yield item
