"""Recognises a whole file, utterance by utterance."""

from collections.abc import Iterator

import numpy as np

from .engine import SAMPLE_RATE_HZ, Samples, Session
from .segmentation import Began, Ended, Segment, Segmenter, Sound
from .utterance import Utterance, place

STEP_SAMPLES = SAMPLE_RATE_HZ // 2


class Transcriber:
    """One file's utterances. It holds one utterance of sound at a time, however long the file is.

    Unlike a live stream, each utterance is known to its end before it is heard: the engine adapts to all of it.
    """

    def __init__(self, session: Session, segmenter: Segmenter) -> None:
        self._session = session
        self._segmenter = segmenter
        self._sound: list[Samples] = []
        self._began = Began(0.0, 0.0)
        self._count = 0

    def hear(self, samples: Samples) -> Iterator[Utterance | None]:
        """Take the next samples; yields the utterances that end in them, and None after each step of work, where a caller can stop."""
        yield from self._follow(self._segmenter.push(samples))

    def finish(self) -> Iterator[Utterance | None]:
        """The file ends; yields as `hear` does."""
        yield from self._follow(self._segmenter.finish())

    def _follow(self, segments: Iterator[Segment]) -> Iterator[Utterance | None]:
        for segment in segments:
            match segment:
                case Began():
                    self._began = segment
                case Sound():
                    self._sound.append(segment.samples)
                case Ended():
                    yield from self._recognise(segment)

    def _recognise(self, ended: Ended) -> Iterator[Utterance | None]:
        length = round((ended.sound_seconds - self._began.sound_seconds) * SAMPLE_RATE_HZ)
        sound = np.concatenate(self._sound)[:length]
        self._sound = []
        self._session.begin(sound)
        for start in range(0, sound.size, STEP_SAMPLES):
            self._session.feed(sound[start : start + STEP_SAMPLES])
            yield None
        heard = self._session.end()
        if heard.text:
            yield place(heard, self._count, self._began.sound_seconds, self._began.speech_seconds, ended.speech_seconds)
            self._count += 1
