"""Reads a whole file utterance by utterance, with an engine that recognises one at a time."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from voicebox_asr.engine import SAMPLE_RATE_HZ, Hypothesis, Samples, Segment, Session

from .endpointing import Endpointing
from .segmenter import Segmenter, SegmenterEvent, UtteranceAudio, UtteranceEnd, UtteranceStart

STEP_SAMPLES = SAMPLE_RATE_HZ // 2

FILE_ENDPOINTING = Endpointing(end_silence_seconds=0.8)
"""Nobody waits for the first utterance of a file: longer ones give the language model more to go by."""


class AllSpeech:
    """A VoiceActivity to which everything is speech: nothing is left out, and utterances end by force."""

    frame_samples = SAMPLE_RATE_HZ // 50

    def is_speech(self, frame: Samples) -> bool:
        return True


class UtteranceReader:
    """One file's utterances. It holds one utterance of audio at a time, however long the file is.

    Unlike a live stream, each utterance is complete before it is recognised: the engine adapts to all of it.
    """

    def __init__(self, session: Session, segmenter: Segmenter) -> None:
        self._session = session
        self._segmenter = segmenter
        self._pieces: list[Samples] = []
        self._start = UtteranceStart(0.0, 0.0)
        self.speech_seconds = 0.0

    def process(self, samples: Samples) -> Iterator[Segment | None]:
        """Take the next samples; yields utterances that end in them, and None after each step, for callers to stop."""
        yield from self._follow(self._segmenter.push(samples))

    def finish(self) -> Iterator[Segment | None]:
        """The file ends; yields as `process` does."""
        yield from self._follow(self._segmenter.finish())

    def interrupt(self) -> None:
        self._session.interrupt()

    def close(self) -> None:
        self._session.close()

    def _follow(self, segments: Iterator[SegmenterEvent]) -> Iterator[Segment | None]:
        for segment in segments:
            match segment:
                case UtteranceStart():
                    self._start = segment
                case UtteranceAudio():
                    self._pieces.append(segment.samples)
                case UtteranceEnd():
                    yield from self._recognise(segment)

    def _recognise(self, end: UtteranceEnd) -> Iterator[Segment | None]:
        length = round((end.audio_seconds - self._start.audio_seconds) * SAMPLE_RATE_HZ)
        samples = np.concatenate(self._pieces)[:length]
        self._pieces = []
        self.speech_seconds += end.speech_seconds - self._start.speech_seconds
        self._session.begin(samples)
        for start in range(0, samples.size, STEP_SAMPLES):
            self._session.feed(samples[start : start + STEP_SAMPLES])
            yield None
        hypothesis = self._session.end()
        if hypothesis.text:
            yield Segment(
                shifted(hypothesis, self._start.audio_seconds), self._start.speech_seconds, end.speech_seconds
            )


def shifted(hypothesis: Hypothesis, seconds: float) -> Hypothesis:
    """The same, with its words later by `seconds`."""
    words = tuple(
        replace(word, start_seconds=seconds + word.start_seconds, end_seconds=seconds + word.end_seconds)
        for word in hypothesis.words
    )
    return replace(hypothesis, words=words)
