"""One utterance: the engine's audio, resampled, encoded and cut into chunks. Knows neither gRPC nor asyncio."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from voicebox_audio.encoding.encoder import Encoder
from voicebox_audio.resample import Resampler

from voicebox_tts.engine import GivenPhonemes, Phoneme, PhonemeSession, Samples, Session, Speech, Stretch, Word
from voicebox_tts.job import UNPROCESSED, Processing
from voicebox_tts.text.given import as_written
from voicebox_tts.text.sentences import SILENCE_SECONDS
from voicebox_tts.voices.resolver import Speaker
from voicebox_tts.watermark import WatermarkStream

from .mastering import Mastering

SMALLEST_CHUNKS_SECONDS = (0.02, 0.04, 0.08, 0.16)
"""The first chunks leave as soon as there is anything worth sending; later ones are bigger, since each costs about 0.2
ms.
"""
CHUNK_SECONDS = 0.2

BRIDGE_SECONDS = 0.005
"""What comes after an interruption begins at the level where speech was cut: a jump would click. Between sentences
engines are silent: their last and first samples are below 0.007.
"""


@dataclass(frozen=True)
class MarkTime:
    """When a mark is reached, in seconds from the utterance's first sample."""

    name: str
    seconds: float


@dataclass(frozen=True)
class SpeakerTime:
    """Who speaks from a time on, in seconds from the utterance's first sample."""

    speaker: Speaker
    profile: str
    start_seconds: float
    turn: int | None = None


@dataclass(frozen=True)
class Chunk:
    """A piece of the encoded file, and the time of its audio."""

    sequence: int
    audio: bytes
    offset_seconds: float
    duration_seconds: float
    words: tuple[Word, ...] = ()
    phonemes: tuple[Phoneme, ...] = ()
    marks: tuple[MarkTime, ...] = ()
    speakers: tuple[SpeakerTime, ...] = ()


class SampleWriter(Protocol):
    """Gets a copy of every sample that is sent."""

    def write(self, samples: Samples) -> None: ...


class Utterance:
    """One stream of audio out of any number of sentences, pauses and sessions of engines. Used by one thread at a
    time.
    """

    def __init__(
        self,
        session: Session,
        encoder: Encoder,
        sample_rate_hz: int,
        copy: SampleWriter | None,
        processing: Processing = UNPROCESSED,
        watermark: WatermarkStream | None = None,
    ) -> None:
        self._session, self._encoder, self._copy = session, encoder, copy
        self._rate = sample_rate_hz
        self._resampler = self._new_resampler()
        is_mastered = processing != UNPROCESSED or watermark
        self._mastering = Mastering(processing, sample_rate_hz, watermark) if is_mastered else None
        self._sequence = 0
        self._held: list[Samples] = []
        self._held_samples = 0
        self._words: list[Word] = []
        self._phonemes: list[Phoneme] = []
        self._marks: list[MarkTime] = []
        self._speakers: list[SpeakerTime] = []
        self._last_sent = 0.0
        self._cut_at: float | None = None  # the last sample before an interruption, until something follows
        self._made_samples = 0  # at the rate that is sent, without what was dropped
        self._spoken_samples: dict[int, int] = {}  # by each session, at its own rate
        self._shift_seconds = 0.0  # what the session's times lack to be the stream's
        self.sample_count = 0
        self.warnings: list[str] = []

    def speak(self, stretches: Sequence[Stretch]) -> Generator[Chunk, None, None]:
        """Speak the next sentence, and yield its chunks as they are made. A session that takes no phonemes is given
        none.
        """
        with closing(_spoken(self._session, stretches)) as speech:
            for piece in speech:
                self._hold(piece)
                yield from self._ready()
        yield from self._ready(everything=True)

    def hand_over(self, session: Session) -> None:
        """Another session speaks what follows; one that has spoken before goes on where it was."""
        self._settle()
        if self._mastering:
            self._send(self._mastering.hand_over(id(session)))
        self._session = session
        self._resampler = self._new_resampler()
        self._shift_seconds = self._made_samples / self._rate - self._session_seconds()

    def pause(self, seconds: float) -> Generator[Chunk, None, None]:
        """A silence of this length, within a sample."""
        self._settle()
        self._add(np.zeros(round(seconds * self._rate), np.float32))
        self._resampler = self._new_resampler()
        self._shift_seconds = self._made_samples / self._rate - self._session_seconds()
        yield from self._ready(everything=True)

    def mark(self, name: str) -> None:
        """Report with the next chunk that a mark is reached."""
        self._marks.append(MarkTime(name, self._at_seconds()))

    def name_speaker(self, speaker: Speaker, profile: str, turn: int | None = None) -> None:
        """Report with the next chunk who speaks from here on, in place of who was named for the same time."""
        named = SpeakerTime(speaker, profile, self._at_seconds(), turn)
        if self._speakers and self._speakers[-1].start_seconds == named.start_seconds:
            self._speakers.pop()
        self._speakers.append(named)

    def be_silent(self) -> Generator[Chunk, None, None]:
        """A short silence, and a warning, where there is nothing to say."""
        self.warnings.append(f"There is nothing to say in text: it is a silence of {SILENCE_SECONDS:g} s.")
        self._add(np.zeros(round(SILENCE_SECONDS * self._rate), np.float32))
        yield from self._ready(everything=True)

    def drop(self) -> float:
        """Drop what is made and not sent; returns the seconds of audio that were sent."""
        self._shift_seconds -= (self._made_samples - self.sample_count) / self._rate
        self._made_samples = self.sample_count
        self._cut_at = self._last_sent
        if self._mastering:
            self._mastering.drop()
        self._held, self._held_samples = [], 0
        self._words.clear()
        self._phonemes.clear()
        return self.sample_count / self._rate

    def finish(self) -> Generator[Chunk, None, None]:
        """What the resampler and the encoder still hold."""
        self._settle()
        if self._mastering:
            self._send(self._mastering.finish())
        yield from self._ready(everything=True)
        tail = self._encoder.finish()
        if (tail or self._marks) and self.sample_count:
            yield self._chunk(tail, 0)

    def _hold(self, piece: Speech) -> None:
        shift = self._shift_seconds
        self.warnings += [warning for warning in piece.warnings if warning not in self.warnings]
        self._words.extend(
            Word(word.text, word.start_seconds + shift, word.end_seconds + shift) for word in piece.words
        )
        self._phonemes.extend(Phoneme(phoneme.ipa, phoneme.start_seconds + shift) for phoneme in piece.phonemes)
        self._spoken_samples[id(self._session)] = self._spoken_samples.get(id(self._session), 0) + len(piece.samples)
        self._add(self._resampler.push(piece.samples) if self._resampler else piece.samples)

    def _new_resampler(self) -> Resampler | None:
        engine_rate = self._session.sample_rate_hz
        return Resampler(engine_rate, self._rate) if engine_rate != self._rate else None

    def _settle(self) -> None:
        """Add what the resampler still holds; nothing may be pushed to it afterwards."""
        if self._resampler:
            self._add(self._resampler.finish())

    def _session_seconds(self) -> float:
        """How much the session has spoken."""
        return self._spoken_samples.get(id(self._session), 0) / self._session.sample_rate_hz

    def _at_seconds(self) -> float:
        """The time of what is spoken next."""
        return self._session_seconds() + self._shift_seconds

    def _add(self, samples: Samples) -> None:
        if len(samples):
            self._made_samples += len(samples)
            samples = self._bridged(samples)
            self._send(self._mastered(self._mastering, samples) if self._mastering else samples)

    def _bridged(self, samples: Samples) -> Samples:
        """The samples, the first of which begin where speech was cut."""
        if self._cut_at is None:
            return samples
        jump, self._cut_at = self._cut_at - float(samples[0]), None
        ramp = np.linspace(jump, 0.0, int(BRIDGE_SECONDS * self._rate), endpoint=False, dtype=np.float32)
        bridged = samples.copy()
        bridged[: len(ramp)] += ramp[: len(samples)]
        return bridged

    def _mastered(self, mastering: Mastering, samples: Samples) -> Samples:
        """What is ready to be sent. The times of what was reported and not sent yet move by silence that is left out
        before it.
        """
        left_out = mastering.left_out_samples
        ready = mastering.push(samples)
        if earlier := (mastering.left_out_samples - left_out) / self._rate:
            self._made_samples -= mastering.left_out_samples - left_out
            self._shift_seconds -= earlier
            self._words = [
                Word(word.text, max(word.start_seconds - earlier, 0.0), max(word.end_seconds - earlier, 0.0))
                for word in self._words
            ]
            self._phonemes = [Phoneme(each.ipa, max(each.start_seconds - earlier, 0.0)) for each in self._phonemes]
            self._marks = [MarkTime(mark.name, max(mark.seconds - earlier, 0.0)) for mark in self._marks]
            self._speakers = [
                replace(each, start_seconds=max(each.start_seconds - earlier, 0.0)) for each in self._speakers
            ]
        return ready

    def _send(self, samples: Samples) -> None:
        if len(samples):
            self._held.append(samples)
            self._held_samples += len(samples)

    def _ready(self, *, everything: bool = False) -> Generator[Chunk, None, None]:
        """Chunks as soon as there is enough audio for one, none longer than CHUNK_SECONDS."""
        while self._held_samples >= self._enough() or (everything and self._held_samples):
            samples = self._take(int(CHUNK_SECONDS * self._rate))
            if self._copy:
                self._copy.write(samples)
            yield self._chunk(self._encoder.push(samples), len(samples))

    def _enough(self) -> int:
        seconds = (
            SMALLEST_CHUNKS_SECONDS[self._sequence] if self._sequence < len(SMALLEST_CHUNKS_SECONDS) else CHUNK_SECONDS
        )
        return int(seconds * self._rate)

    def _take(self, max_samples: int) -> Samples:
        held = self._held[0] if len(self._held) == 1 else np.concatenate(self._held)
        taken, rest = held[:max_samples], held[max_samples:]
        self._last_sent = float(taken[-1])
        self._held, self._held_samples = ([rest] if len(rest) else []), len(rest)
        return taken

    def _chunk(self, audio: bytes, samples: int) -> Chunk:
        chunk = Chunk(
            self._sequence,
            audio,
            self.sample_count / self._rate,
            samples / self._rate,
            tuple(self._words),
            tuple(self._phonemes),
            tuple(self._marks),
            tuple(self._speakers),
        )
        self._sequence += 1
        self.sample_count += samples
        for reported in (self._words, self._phonemes, self._marks, self._speakers):
            reported.clear()
        return chunk


def _spoken(session: Session, stretches: Sequence[Stretch]) -> Generator[Speech, None, None]:
    if isinstance(session, PhonemeSession) and any(isinstance(each, GivenPhonemes) for each in stretches):
        return session.speak_stretches(stretches)
    return session.speak(as_written(stretches))
