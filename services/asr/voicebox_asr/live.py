"""Recognises speech while it is spoken."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .engine import SAMPLE_RATE_HZ, Heard, Samples, Session
from .segmentation import Began, Ended, Segment, Segmenter, Sound
from .utterance import Utterance, place

PREVIEW_SAMPLES = SAMPLE_RATE_HZ
"""An utterance is heard once 1 s of it is there, for the engine to adapt to: pocketsphinx has a WER of 0.21 then, 0.49 otherwise."""

STEP_SAMPLES = SAMPLE_RATE_HZ // 2

PIECE_SAMPLES = SAMPLE_RATE_HZ // 10
"""How finely the sound is looked at: so late may an event be."""

INTERIM_SAMPLES = SAMPLE_RATE_HZ * 3 // 20
"""How much more is heard, at least, before the next interim: with pieces of 0.1 s, one comes every 0.2 s."""


@dataclass(frozen=True)
class SpeechBegan:
    """Speech began, so many seconds from the stream's start."""

    at_seconds: float


@dataclass(frozen=True)
class SpeechEnded:
    """Speech ended, so many seconds from the stream's start."""

    at_seconds: float


@dataclass(frozen=True)
class Interim:
    """What the running utterance sounds like so far."""

    utterance: Utterance


@dataclass(frozen=True)
class Final:
    """What an utterance said."""

    utterance: Utterance


Event = SpeechBegan | SpeechEnded | Interim | Final


class LiveRecognizer:
    """One stream: samples in, events out, finals as soon as an utterance ends."""

    def __init__(self, session: Session, segmenter: Segmenter, interim_results: bool) -> None:
        self._session = session
        self._segmenter = segmenter
        self._interim_results = interim_results
        self._began = Began(0.0, 0.0)
        self._preview: list[Samples] | None = []
        self._unreported = 0
        self._interim = ""
        self.finals = 0

    def hear(self, samples: Samples) -> Iterator[Event]:
        """Take the next samples, shape (n,); yields the events that they bring, each as soon as it is known."""
        for start in range(0, samples.size, PIECE_SAMPLES):
            yield from self._follow(self._segmenter.push(samples[start : start + PIECE_SAMPLES]))

    def end_utterance(self) -> Iterator[Event]:
        """End the running utterance now, if there is one."""
        yield from self._follow(self._segmenter.end_utterance())

    def finish(self) -> Iterator[Event]:
        """The stream ends: end the running utterance."""
        yield from self._follow(self._segmenter.finish())

    def _follow(self, segments: Iterator[Segment]) -> Iterator[Event]:
        for segment in segments:
            match segment:
                case Began():
                    self._began, self._preview, self._unreported, self._interim = segment, [], 0, ""
                    yield SpeechBegan(segment.speech_seconds)
                case Sound():
                    yield from self._hear(segment.samples)
                case Ended():
                    yield SpeechEnded(segment.speech_seconds)
                    yield self._final(segment)

    def _hear(self, samples: Samples) -> Iterator[Event]:
        if self._preview is None:
            self._feed(samples)
        else:
            self._preview.append(samples)
            if sum(piece.size for piece in self._preview) < PREVIEW_SAMPLES:
                return
            self._begin(self._preview)
        if self._interim_results and self._unreported >= INTERIM_SAMPLES:
            yield from self._changed()

    def _begin(self, preview: list[Samples]) -> None:
        sound = np.concatenate(preview)
        self._preview = None
        self._session.begin(sound)
        self._feed(sound)

    def _feed(self, samples: Samples) -> None:
        for start in range(0, samples.size, STEP_SAMPLES):
            self._session.feed(samples[start : start + STEP_SAMPLES])
        self._unreported += samples.size

    def _changed(self) -> Iterator[Interim]:
        self._unreported = 0
        text = self._session.interim()
        if text and text != self._interim:
            self._interim = text
            yield Interim(self._place(Heard(text, None, ()), self._segmenter.seconds))

    def _final(self, ended: Ended) -> Final:
        if self._preview is not None:
            self._begin(self._preview)
        final = Final(self._place(self._session.end(), ended.speech_seconds))
        self.finals += 1
        return final

    def _place(self, heard: Heard, end_seconds: float) -> Utterance:
        return place(heard, self.finals, self._began.sound_seconds, self._began.speech_seconds, end_seconds)
