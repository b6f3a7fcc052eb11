"""Speaks a job: admits it, resolves its speaker, streams the audio and records it."""

import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from voicebox_audio.encoding.encoder import open_encoder
from voicebox_audio.encoding.encodings import Encoding, supported_rate
from voicebox_audio.encoding.marks import Mark, synthetic
from voicebox_kit import call_log
from voicebox_kit.permits import Permits, idle_between
from voicebox_metering.work import OpenWork, Work, WorkKind, uncounted

from voicebox_tts.history.history import History
from voicebox_tts.history.record import NO_AUDIO, Statistics
from voicebox_tts.history.recorder import Recorder
from voicebox_tts.job import Job
from voicebox_tts.peers.asr import SpeechCheck
from voicebox_tts.voices.resolver import Speaker
from voicebox_tts.watermark import Watermark

from .metrics import Part, SpeechMetrics, Timing
from .patience import Patience
from .script import Interruption, Item, Script
from .speakers import Casting, Speakers
from .speech_stream import Interrupted, SpeechStream
from .timer import Timer
from .utterance import Chunk, Utterance

MAX_RATE_HZ = 48_000
TELEPHONE, TELEPHONE_HZ = (Encoding.MULAW, Encoding.ALAW), 8_000


@dataclass(frozen=True)
class Started:
    """Who speaks, and how, with a profile's defaults filled in."""

    job: Job
    speaker: Speaker
    sample_rate_hz: int
    is_cloned: bool = False
    """Whether any of its voices follows a recording."""
    watermark: str = ""
    """The kind of watermark in the audio; empty without one."""

    @property
    def mark(self) -> Mark:
        """What the audio's file says about itself."""
        return synthetic(self.speaker.engine.name, self.speaker.engine.model.name)


@dataclass(frozen=True)
class Finished:
    """How the utterance went. `generation` names its record in the history, or is empty."""

    statistics: Statistics
    generation: str = ""
    warnings: tuple[str, ...] = ()
    word_error_rate: float | None = None


Event = Started | Chunk | Interrupted | Finished


class Synthesizer:
    """What all methods of the service have in common."""

    def __init__(
        self,
        casting: Casting,
        history: History,
        check: SpeechCheck,
        permits: Permits,
        executor: Executor,
        registry: CollectorRegistry,
        patience_seconds: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
        work: OpenWork = uncounted,
        watermark: Watermark | None = None,
        succeeded: Callable[[], None] = lambda: None,
    ) -> None:
        """`work` counts what is spoken, for whoever calls; `succeeded` learns of each chunk that was made."""
        self._succeeded = succeeded
        self._work, self._watermark = work, watermark
        self._casting, self._history, self._check = casting, history, check
        self._permits, self._executor, self._clock = permits, executor, clock
        self._patience = Patience(patience_seconds)
        self._metrics = SpeechMetrics(registry)

    def refuse_at_capacity(self, timeout_seconds: float) -> None:
        """Raise Exhausted where `speak` would refuse at once: before there is work on the text."""
        self._permits.refuse_at_once(self._patience.before_admission(timeout_seconds))

    async def speak(
        self, job: Job, script: Script, timeout_seconds: float, *, is_streamed: bool = True
    ) -> AsyncGenerator[Event, None]:
        """Started, then chunks as they are made, then Finished. Whatever can be refused is refused before Started.

        Where everything was interrupted before any audio, Finished comes without Started. The first sentence is awaited
        before a permit is taken: a stream without text holds none.
        """
        async with aclosing(script.sentences()) as sentences:
            first, was_interrupted = await anext(sentences, None), False
            while isinstance(first, Interruption):
                yield Interrupted(0.0)
                first, was_interrupted = await anext(sentences, None), True
            if first is None and was_interrupted:
                yield Finished(NO_AUDIO)
                return
            timing = self._metrics.begin(self._clock, is_streamed=is_streamed)
            rest = _after(first or "", sentences)
            async with aclosing(self._admit(job, script, rest, timeout_seconds, timing)) as events:
                async for event in events:
                    yield event

    async def _admit(
        self, job: Job, script: Script, sentences: AsyncIterator[Item], timeout_seconds: float, timing: Timing
    ) -> AsyncGenerator[Event, None]:
        timer = Timer(self._clock)
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            work = await enter(self._work(WorkKind.SPEECH, characters=len(script.text)))
            timing.passed(Part.ACCOUNT)
            permit = await enter(self._permits.acquire(self._patience.before_admission(timeout_seconds)))
            timing.passed(Part.QUEUE)
            admitted = self._clock()
            speakers = await enter(self._casting.open(script.overrides, job, timeout_seconds))
            timing.passed(Part.VOICE)
            engine = speakers.lead.speaker.engine
            work.model = engine.model.name
            call_log.note("model", work.model)
            text = timing.text(idle_between(permit, _counted(sentences, work)))
            async with aclosing(self._speak(speakers, script, text, timer)) as events:
                async for event in events:
                    match event:
                        case Chunk():
                            self._succeeded()
                            call_log.note("first_audio_seconds", timing.seconds)
                            call_log.add("audio_seconds", event.duration_seconds)
                            await work.use(audio_ms=1000 * event.duration_seconds)
                            sending = timing.sending(engine.name, event.duration_seconds, has_audio=bool(event.audio))
                        case Started():
                            self._patience.note_first_audio(self._clock() - admitted)
                            sending = timing.sending(engine.name)
                        case Interrupted():
                            timing.interrupted()
                            sending = timing.sending(engine.name)
                        case Finished():
                            seconds = event.statistics.synthesis_seconds
                            timing.finished(engine.name, seconds, event.statistics.duration_seconds)
                            sending = timing.sending(engine.name)
                    with sending:
                        async with permit.idle():
                            yield event

    async def _speak(
        self, speakers: Speakers, script: Script, sentences: AsyncIterator[Item], timer: Timer
    ) -> AsyncGenerator[Event, None]:
        job, speaker, session = speakers.lead.job, speakers.lead.speaker, speakers.lead.session
        rate = job.sample_rate_hz or _default_rate(job.encoding, session.sample_rate_hz)
        async with Recorder(self._history, self._check, job, speaker, rate) as recorder:
            watermark = self._watermark
            started = Started(job, speaker, rate, speakers.follow_a_recording, watermark.name if watermark else "")
            encoder = open_encoder(job.encoding, rate, started.mark)
            marking = watermark.open(rate) if watermark else None
            utterance = Utterance(session, encoder, rate, recorder, job.processing, marking)
            stream = SpeechStream(utterance, speakers, script, self._executor, job.ahead_seconds, self._clock)
            try:
                async with aclosing(stream.events(sentences, timer)) as events:
                    async for event in events:
                        if isinstance(event, Chunk) and event.sequence == 0:
                            yield started
                        yield event
            finally:
                statistics = timer.statistics(utterance.sample_count, rate)
                warnings = [*script.warnings, *speakers.warnings, *utterance.warnings]
                recorder.describe(script.text, statistics, warnings, speakers.voices, speakers.turns(script.sections))
                self._metrics.audio_seconds.labels(speaker.engine.name).inc(statistics.duration_seconds)
        yield Finished(statistics, recorder.generation, tuple(recorder.warnings), recorder.word_error_rate)


async def _counted(sentences: AsyncIterator[Item], work: Work) -> AsyncGenerator[Item, None]:
    async for sentence in sentences:
        if isinstance(sentence, str):
            await work.use(characters=len(sentence))
        yield sentence


async def _after(first: Item, rest: AsyncIterator[Item]) -> AsyncGenerator[Item, None]:
    yield first
    async for sentence in rest:
        yield sentence


def _default_rate(encoding: Encoding, engine_rate_hz: int) -> int:
    """The engine's own rate, or the best that the encoding supports."""
    if encoding in TELEPHONE:
        return TELEPHONE_HZ
    return engine_rate_hz if supported_rate(encoding, engine_rate_hz) else MAX_RATE_HZ
