"""Recognises speech while it is spoken."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from voicebox_asr.engine import SAMPLE_RATE_HZ, Foreseeing, Heard, Notice, Samples, Session
from voicebox_asr.results.utterance import Utterance
from voicebox_asr.segmentation.segmenter import Began, Ended, Segment, Segmenter, Sound
from voicebox_asr.segmentation.short_audio import EDGES_SECONDS, is_sayable, is_short, short_sound
from voicebox_asr.segmentation.utterance_reader import shifted

from .interims import Interims

STEP_SAMPLES = SAMPLE_RATE_HZ // 2

FORESEEN_SILENCE_SECONDS = 0.15
"""After so much silence the final is made, before it is known whether the utterance ends: it is there sooner when it
does.
"""

MOST_FORESEEN_LAG_SECONDS = 0.5
"""With more than this still to be heard no final is made that may turn out to be none."""


@dataclass(frozen=True)
class SpeechBegan:
    """Speech began, so many seconds from the stream's start; `channel` as in Utterance."""

    at_seconds: float
    channel: int = 0


@dataclass(frozen=True)
class SpeechEnded:
    """Speech ended, so many seconds from the stream's start; `channel` as in Utterance."""

    at_seconds: float
    channel: int = 0


@dataclass(frozen=True)
class Interim:
    """What the running utterance sounds like so far. Later interims and the final begin with `stable`, too.

    `lag_seconds` is how much sound has arrived since the newest that it has heard, when it is told.
    """

    utterance: Utterance
    stable: str
    lag_seconds: float


@dataclass(frozen=True)
class Final:
    """What an utterance said. `lag_seconds` is how much sound has arrived since the end of its speech, when it is told.

    `notices` are what its reader should know of it.
    """

    utterance: Utterance
    lag_seconds: float
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class Foreseen:
    """What the final will say if nothing more is said than what was up to `speech_until_seconds` of the stream."""

    heard: Heard
    speech_until_seconds: float


Event = SpeechBegan | SpeechEnded | Interim | Final


@dataclass(frozen=True)
class Place:
    """Where in a stream a recogniser stands: its channel, how utterances are counted, and how much sound waits to be
    heard, in seconds.
    """

    next_index: Callable[[], int]
    lag_seconds: Callable[[], float]
    channel: int = 0


class LiveRecognizer:
    """One channel of a stream: samples in, events out, finals as soon as an utterance ends.

    An utterance is heard once `preview_seconds` of it are there, for the engine to adapt to: with 1 s pocketsphinx has
    a WER of 0.21, 0.49 without. Where interims are wanted it is heard at once, and once more when the preview is there.
    """

    def __init__(
        self, session: Session, segmenter: Segmenter, preview_seconds: float, interims: Interims | None, place: Place
    ) -> None:
        self._session = session
        self._segmenter = segmenter
        self._preview_samples = round(preview_seconds * SAMPLE_RATE_HZ)
        self._interims = interims
        self._place = place
        self._began = Began(0.0, 0.0)
        self._index = 0
        self._preview: list[Samples] | None = []
        self._is_heard = False
        self._foreseen: Foreseen | None = None

    def hear(self, samples: Samples) -> Iterator[Event]:
        """Take the next samples, shape (n,), 0.1 s or less for punctual interims; yields the events that they bring as
        they are known.
        """
        yield from self._follow(self._segmenter.push(samples))

    def end_utterance(self) -> Iterator[Event]:
        """End the running utterance now, if there is one."""
        yield from self._follow(self._segmenter.end_utterance())

    def finish(self) -> Iterator[Event]:
        """The stream ends: end the running utterance."""
        yield from self._follow(self._segmenter.finish())

    def interrupt(self) -> None:
        """As in Session."""
        self._session.interrupt()

    def close(self) -> None:
        """As in Session."""
        self._session.close()

    @property
    def interims_dropped(self) -> int:
        """How many interims were left out because the recogniser was behind."""
        return self._interims.dropped if self._interims else 0

    def _follow(self, segments: Iterator[Segment]) -> Iterator[Event]:
        for segment in segments:
            match segment:
                case Began():
                    self._begin_utterance(segment)
                    yield SpeechBegan(segment.speech_seconds, self._place.channel)
                case Sound():
                    self._hear(segment.samples)
                    yield from self._foresee() if self._is_foreseeable() else self._next_interim()
                case Ended():
                    yield SpeechEnded(segment.speech_seconds, self._place.channel)
                    yield self._final(segment)

    def _begin_utterance(self, began: Began) -> None:
        self._began, self._index = began, self._place.next_index()
        self._preview, self._is_heard, self._foreseen = [], False, None
        if self._interims:
            self._interims.begin()

    def _hear(self, samples: Samples) -> None:
        if self._interims:
            self._interims.heard(samples.size / SAMPLE_RATE_HZ)
        if self._preview is not None:
            self._preview.append(samples)
            if sum(piece.size for piece in self._preview) >= self._preview_samples:
                self._settle()
            elif self._is_heard:
                self._feed(samples)
            elif self._interims and self._interims.in_time(self._place.lag_seconds()):
                self._begin(self._preview)
        else:
            self._feed(samples)

    def _settle(self) -> None:
        """The preview is as long as it will be."""
        if self._preview is not None:
            self._begin(self._preview)
            self._preview = None
            if self._interims:
                self._interims.settle()

    def _begin(self, pieces: list[Samples]) -> None:
        sound = np.concatenate(pieces)
        self._session.begin(sound)
        self._feed(sound)
        self._is_heard = True

    def _feed(self, samples: Samples) -> None:
        for start in range(0, samples.size, STEP_SAMPLES):
            self._session.feed(samples[start : start + STEP_SAMPLES])

    def _next_interim(self) -> Iterator[Interim]:
        if self._interims and self._is_heard and not self._is_foreseen:
            yield from self._shown(
                self._interims.next(lambda: self._said(self._session.interim()), self._place.lag_seconds())
            )

    def _shown(self, found: tuple[Heard, str] | None) -> Iterator[Interim]:
        if found:
            heard, stable = found
            yield Interim(self._utterance(heard, self._segmenter.seconds), stable, self._place.lag_seconds())

    def _is_foreseeable(self) -> bool:
        is_silent = self._segmenter.seconds - self._segmenter.speech_until_seconds >= FORESEEN_SILENCE_SECONDS
        in_time = self._place.lag_seconds() <= MOST_FORESEEN_LAG_SECONDS
        return (
            isinstance(self._session, Foreseeing)
            and self._preview is None
            and is_silent
            and not self._is_foreseen
            and in_time
        )

    def _foresee(self) -> Iterator[Interim]:
        """Make the final now, and show it as an interim."""
        assert isinstance(self._session, Foreseeing)
        heard = self._session.foresee()
        self._foreseen = Foreseen(heard, self._segmenter.speech_until_seconds)
        if self._interims:
            yield from self._shown(self._interims.show(self._said(heard)))

    @property
    def _is_foreseen(self) -> bool:
        """Whether the final was made already and nothing was said since."""
        return (
            self._foreseen is not None and self._foreseen.speech_until_seconds == self._segmenter.speech_until_seconds
        )

    def _final(self, ended: Ended) -> Final:
        self._settle()
        whole = self._end()
        heard = self._said(whole)
        if self._interims:
            heard = self._interims.final(heard)
        silence_seconds = self._segmenter.seconds - ended.speech_seconds
        lag_seconds = self._place.lag_seconds() + silence_seconds
        return Final(
            self._utterance(heard, ended.speech_seconds), lag_seconds, self._notices(whole, ended.speech_seconds)
        )

    def _said(self, heard: Heard) -> Heard:
        """What can have been said in the time that the utterance has lasted so far."""
        seconds = self._speech_seconds(self._segmenter.speech_until_seconds)
        return (
            heard if not is_short(seconds) or is_sayable(heard.text, seconds) else Heard("", None, (), heard.language)
        )

    def _notices(self, heard: Heard, end_seconds: float) -> tuple[Notice, ...]:
        seconds = self._speech_seconds(end_seconds)
        if not heard.text or not is_short(seconds):
            return ()
        return (short_sound(heard.text, seconds, self._began.speech_seconds, end_seconds),)

    def _speech_seconds(self, end_seconds: float) -> float:
        return end_seconds - self._began.speech_seconds + EDGES_SECONDS

    def _end(self) -> Heard:
        if self._foreseen and self._is_foreseen and isinstance(self._session, Foreseeing):
            self._session.accept(self._foreseen.heard)
            return self._foreseen.heard
        return self._session.end()

    def _utterance(self, heard: Heard, end_seconds: float) -> Utterance:
        placed = shifted(heard, self._began.sound_seconds)
        return Utterance(self._index, placed, self._began.speech_seconds, end_seconds, self._place.channel)
