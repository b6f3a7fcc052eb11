"""Makes an utterance: admits it, finds its speaker, speaks it at a measured pace, and keeps it."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Histogram
from voicebox_audio.encoding.encoder import Encoding, open_encoder, supported_rate
from voicebox_kit.bridge import in_thread
from voicebox_kit.errors import Exhausted, InvalidField, Unavailable
from voicebox_kit.pacer import Pacer
from voicebox_kit.permits import Permits
from voicebox_kit.shielded import shielded
from voicebox_outbox.outbox import Outcome
from voicebox_outbox.spool import cause

from voicebox_tts.engine import Session
from voicebox_tts.history import record
from voicebox_tts.history.draft import Draft
from voicebox_tts.history.record import Ending
from voicebox_tts.history.recorder import History
from voicebox_tts.job import Job
from voicebox_tts.peers.asr import SpeechCheck
from voicebox_tts.voices.resolver import Casting, Speaker

from .preparation import Reading
from .script import Interruption, Script
from .utterance import Chunk, Utterance

MOST_RATE_HZ = 48_000
FIRST_SOUND_SECONDS = 0.1
"""How long a first sound is taken to need with a place, before any was made."""
FIRST_SOUND_MEMORY = 0.9
"""Of the longest time to a first sound so much is left after each shorter one: when many begin at once, the last is far
behind the mean.
"""


@dataclass(frozen=True)
class Started:
    """Who really speaks, and how."""

    job: Job
    speaker: Speaker
    sample_rate_hz: int


@dataclass(frozen=True)
class Finished:
    """How the utterance went. `generation` names its record in the history, or is empty."""

    sample_count: int
    duration_seconds: float
    first_chunk_seconds: float
    synthesis_seconds: float
    generation: str
    warnings: tuple[str, ...]
    word_error_rate: float | None = None


@dataclass(frozen=True)
class Interrupted:
    """Nothing more comes of what was said before; `offset_seconds` of sound were sent since the start."""

    offset_seconds: float


Event = Started | Chunk | Interrupted | Finished


@dataclass
class _Course:
    """How an utterance goes, in seconds of the clock."""

    arrived: float
    synthesis_seconds: float = 0.0
    first_chunk_seconds: float = 0.0
    waited_seconds: float = 0.0
    """For the client: while it took a chunk, and to keep the pace."""
    ending: Ending = Ending.FAILED
    warnings: list[str] = field(default_factory=list)
    word_error_rate: float | None = None


class Synthesizer:
    """The core that every method of the service shares."""

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
    ) -> None:
        self._casting, self._history, self._check = casting, history, check
        self._permits, self._executor, self._clock = permits, executor, clock
        self._patience_seconds, self._first_sound_seconds = patience_seconds, FIRST_SOUND_SECONDS
        self._spoken = Counter("voicebox_tts_audio_seconds", "Seconds of sound made.", ["engine"], registry=registry)
        self._first_chunk = Histogram(
            "voicebox_tts_first_chunk_seconds",
            "From a request's arrival to its first audio.",
            ["engine"],
            registry=registry,
            buckets=(0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5),
        )

    async def speak(self, job: Job, script: Script, timeout_seconds: float) -> AsyncGenerator[Event, None]:
        """Started, then chunks as they are made, then Finished. Whatever can be refused is refused before Started.

        Where everything was interrupted before any sound, Finished comes without Started.
        """
        async with aclosing(script.sentences()) as sentences:
            first, was_interrupted = (
                await anext(sentences, None),
                False,
            )  # before the permit: who has said nothing takes nobody's place
            while isinstance(first, Interruption):
                yield Interrupted(0.0)
                first, was_interrupted = await anext(sentences, None), True
            if first is None and was_interrupted:  # nothing was left to say, as it was asked
                yield Finished(0, 0.0, 0.0, 0.0, "", ())
                return
            async with aclosing(self._speak(job, script, _after(first or "", sentences), timeout_seconds)) as events:
                async for event in events:
                    yield event

    async def _speak(
        self, job: Job, script: Script, sentences: AsyncIterator[str | Interruption], timeout_seconds: float
    ) -> AsyncGenerator[Event, None]:
        course = _Course(self._clock())
        async with (
            self._permits.take(self._patience_for_a_place(timeout_seconds)),
            self._casting.cast(job, timeout_seconds) as speaker,
        ):
            admitted = self._clock()
            job = job.with_defaults(speaker.defaults)
            session = await self._open(speaker, job)
            rate = job.sample_rate_hz or _default_rate(job.encoding, session.sample_rate_hz)
            course.warnings.extend(speaker.warnings)
            draft = self._draft(job, rate, course)
            utterance = Utterance(session, open_encoder(job.encoding, rate), rate, draft)
            reading = Reading(speaker.engine, speaker.language, verbatim=job.verbatim)
            try:
                async with aclosing(
                    self._paced(utterance, reading, sentences, script.interrupted, job, course)
                ) as chunks:
                    async for chunk in chunks:
                        if isinstance(chunk, Chunk) and chunk.sequence == 0:
                            self._note_first_sound(self._clock() - admitted)
                            yield Started(job, speaker, rate)
                        yield chunk
                course.ending = Ending.COMPLETED
            except (asyncio.CancelledError, GeneratorExit):
                course.ending = Ending.CANCELLED
                raise
            finally:
                utterance.close()
                course.warnings.extend([*reading.warnings, *utterance.warnings])
                kept = self._keep(draft, job, speaker, script.text, utterance.sample_count, rate, course)
                generation = await shielded(kept)
            yield self._finished(utterance.sample_count, rate, course, generation)

    def _patience_for_a_place(self, timeout_seconds: float) -> float:
        """A caller's patience is for its first sound, which takes some time once it has a place."""
        return max(0.0, min(self._patience_seconds, timeout_seconds) - self._first_sound_seconds)

    def _note_first_sound(self, seconds: float) -> None:
        self._first_sound_seconds = max(seconds, FIRST_SOUND_MEMORY * self._first_sound_seconds)

    async def _open(self, speaker: Speaker, job: Job) -> Session:
        opening = asyncio.get_running_loop().run_in_executor(self._executor, speaker.open, job.style, job.seed)
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait([opening])  # a thread cannot be stopped
            if not opening.exception():
                opening.result().close()
            raise

    async def _paced(
        self,
        utterance: Utterance,
        reading: Reading,
        sentences: AsyncIterator[str | Interruption],
        interrupted: asyncio.Event,
        job: Job,
        course: _Course,
    ) -> AsyncGenerator[Chunk | Interrupted, None]:
        """The chunks, no faster than the job's pace; what the reader and the pace cost is counted as waiting."""
        pacer, since_seconds, was_interrupted = Pacer(job.ahead_seconds, self._clock), 0.0, False
        async with aclosing(self._chunks(utterance, reading, sentences, interrupted)) as chunks:
            async for chunk in chunks:
                made = self._clock()
                if isinstance(chunk, Interrupted):  # the listener throws away what is ahead: the lead begins anew
                    pacer, since_seconds, was_interrupted = (
                        Pacer(job.ahead_seconds, self._clock),
                        chunk.offset_seconds,
                        True,
                    )
                    yield chunk
                    course.waited_seconds += self._clock() - made
                    continue
                course.synthesis_seconds = made - course.arrived - course.waited_seconds
                if chunk.audio and not course.first_chunk_seconds:
                    course.first_chunk_seconds = made - course.arrived
                yield chunk
                if delay := pacer.delay_seconds(chunk.offset_seconds + chunk.duration_seconds - since_seconds):
                    with suppress(TimeoutError):
                        await asyncio.wait_for(interrupted.wait(), delay)
                course.waited_seconds += self._clock() - made
        if utterance.sample_count == 0 and not was_interrupted:
            sentence = " ".join(["The engine finds nothing in text that it can say.", *reading.warnings])
            raise InvalidField("text", sentence, "NOTHING_TO_SAY")

    async def _chunks(
        self,
        utterance: Utterance,
        reading: Reading,
        sentences: AsyncIterator[str | Interruption],
        interrupted: asyncio.Event,
    ) -> AsyncGenerator[Chunk | Interrupted, None]:
        async for sentence in sentences:
            if isinstance(sentence, Interruption):
                yield Interrupted(utterance.drop())
                continue
            if interrupted.is_set():
                continue
            said = await asyncio.get_running_loop().run_in_executor(self._executor, reading.of, sentence)
            if interrupted.is_set() or not said:
                continue
            async with aclosing(in_thread(utterance.speak(said), self._executor)) as chunks:
                async for chunk in chunks:
                    yield chunk
                    if interrupted.is_set():
                        break
        if reading.is_only_signs and utterance.sample_count == 0 and not interrupted.is_set():
            for chunk in utterance.be_silent():
                yield chunk
        async with aclosing(in_thread(utterance.finish(), self._executor)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _draft(self, job: Job, rate: int, course: _Course) -> Draft | None:
        """The record's audio, or only the check's; a history that cannot be written is a warning, for speech goes
        on.
        """
        if not job.keep and not job.check:
            return None
        try:
            return self._history.draft(rate)
        except (Exhausted, OSError) as error:
            course.warnings.append(f"The history does not keep this: {cause(error)}")
            return None

    async def _keep(
        self, draft: Draft | None, job: Job, speaker: Speaker, text: str, sample_count: int, rate: int, course: _Course
    ) -> str:
        """Put the record where it cannot be lost; gives its name, or nothing where none is kept."""
        self._spoken.labels(speaker.engine.name).inc(sample_count / rate)
        if course.first_chunk_seconds:
            self._first_chunk.labels(speaker.engine.name).observe(course.first_chunk_seconds)
        if draft is None:
            return ""
        if job.check and sample_count and course.ending is Ending.COMPLETED:
            await self._hear(draft, job, speaker, text, sample_count / rate, course)
        if sample_count == 0 or not job.keep:
            draft.discard()
            return ""
        generation = record.generation(
            job,
            speaker,
            text=text,
            sample_rate_hz=rate,
            duration_seconds=sample_count / rate,
            first_chunk_seconds=course.first_chunk_seconds,
            synthesis_seconds=course.synthesis_seconds,
            ending=course.ending,
            warnings=tuple(course.warnings),
            word_error_rate=course.word_error_rate,
        )
        try:
            outcome = await self._history.keep(draft, generation, promptly=course.ending is Ending.COMPLETED)
        except OSError as error:
            draft.discard()
            course.warnings.append(f"The history does not keep this: {cause(error)}")
            return ""
        if outcome is Outcome.REJECTED:
            course.warnings.append("The catalog refused this generation: the server has set it aside.")
            return ""
        if outcome is Outcome.PENDING:
            course.warnings.append("The catalog has not taken this generation yet: the history shows it later.")
        return generation.name

    async def _hear(
        self, draft: Draft, job: Job, speaker: Speaker, text: str, duration_seconds: float, course: _Course
    ) -> None:
        """How much of the text is heard; a recogniser that cannot tell is a warning."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._executor, draft.close)
            course.word_error_rate = await self._check.word_error_rate(
                draft.path, text, speaker.language, duration_seconds, job.owner
            )
        except (Unavailable, OSError) as error:
            course.warnings.append(f"What was spoken is not checked: {error}")

    def _finished(self, sample_count: int, rate: int, course: _Course, generation: str) -> Finished:
        return Finished(
            sample_count,
            sample_count / rate,
            course.first_chunk_seconds,
            course.synthesis_seconds,
            generation,
            tuple(course.warnings),
            course.word_error_rate,
        )


async def _after(first: str, rest: AsyncIterator[str | Interruption]) -> AsyncGenerator[str | Interruption, None]:
    yield first
    async for sentence in rest:
        yield sentence


def _default_rate(encoding: Encoding, engine_rate_hz: int) -> int:
    """The engine's own rate, or the best that the encoding knows."""
    return engine_rate_hz if supported_rate(encoding, engine_rate_hz) else MOST_RATE_HZ
