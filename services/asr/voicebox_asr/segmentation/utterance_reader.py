"""Reads a whole file utterance by utterance, with an engine that hears one at a time."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from voicebox_asr.engine import SAMPLE_RATE_HZ, Heard, Passage, Samples, Session

from .endpointing import Endpointing
from .segmenter import Began, Ended, Segment, Segmenter, Sound

STEP_SAMPLES = SAMPLE_RATE_HZ // 2

FILE_ENDPOINTING = Endpointing(end_silence_seconds=0.8)
"""Nobody waits for the first utterance of a file: longer ones give the language model more to go by."""


class AllSpeech:
    """A VoiceActivity to which everything is speech: nothing is left out, and utterances end by force."""

    frame_samples = SAMPLE_RATE_HZ // 50

    def is_speech(self, frame: Samples) -> bool:
        return True


class UtteranceReader:
    """One file's utterances. It holds one utterance of sound at a time, however long the file is.

    Unlike a live stream, each utterance is known to its end before it is heard: the engine adapts to all of it.
    """

    def __init__(self, session: Session, segmenter: Segmenter) -> None:
        self._session = session
        self._segmenter = segmenter
        self._sound: list[Samples] = []
        self._began = Began(0.0, 0.0)
        self.speech_seconds = 0.0

    def hear(self, samples: Samples) -> Iterator[Passage | None]:
        """Take the next samples; yields the utterances that end in them, and None after each step of work, where a
        caller can stop.
        """
        yield from self._follow(self._segmenter.push(samples))

    def finish(self) -> Iterator[Passage | None]:
        """The file ends; yields as `hear` does."""
        yield from self._follow(self._segmenter.finish())

    def interrupt(self) -> None:
        self._session.interrupt()

    def close(self) -> None:
        self._session.close()

    def _follow(self, segments: Iterator[Segment]) -> Iterator[Passage | None]:
        for segment in segments:
            match segment:
                case Began():
                    self._began = segment
                case Sound():
                    self._sound.append(segment.samples)
                case Ended():
                    yield from self._recognise(segment)

    def _recognise(self, ended: Ended) -> Iterator[Passage | None]:
        length = round((ended.sound_seconds - self._began.sound_seconds) * SAMPLE_RATE_HZ)
        sound = np.concatenate(self._sound)[:length]
        self._sound = []
        self.speech_seconds += ended.speech_seconds - self._began.speech_seconds
        self._session.begin(sound)
        for start in range(0, sound.size, STEP_SAMPLES):
            self._session.feed(sound[start : start + STEP_SAMPLES])
            yield None
        heard = self._session.end()
        if heard.text:
            yield Passage(shifted(heard, self._began.sound_seconds), self._began.speech_seconds, ended.speech_seconds)


def shifted(heard: Heard, seconds: float) -> Heard:
    """The same, with the words so much later."""
    words = tuple(
        replace(word, start_seconds=seconds + word.start_seconds, end_seconds=seconds + word.end_seconds)
        for word in heard.words
    )
    return replace(heard, words=words)
