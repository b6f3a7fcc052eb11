"""Cuts a stream of samples into utterances."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from voicebox_asr.engine import SAMPLE_RATE_HZ, Samples, VoiceActivity

from .endpointing import Begin, End, Endpointer, Endpointing


@dataclass(frozen=True)
class UtteranceStart:
    """An utterance begins: where its speech and its audio begin, in seconds from the stream's start."""

    speech_seconds: float
    audio_seconds: float


@dataclass(frozen=True)
class UtteranceAudio:
    """The next samples of the utterance."""

    samples: Samples = field(repr=False)


@dataclass(frozen=True)
class UtteranceEnd:
    """An utterance ends: where its speech and its audio end, in seconds from the stream's start; silence may follow."""

    speech_seconds: float
    audio_seconds: float


SegmenterEvent = UtteranceStart | UtteranceAudio | UtteranceEnd


class Segmenter:
    """One stream's utterances, found as the audio arrives."""

    def __init__(self, activity: VoiceActivity, endpointing: Endpointing) -> None:
        self._activity = activity
        self._frame_seconds = activity.frame_samples / SAMPLE_RATE_HZ
        self._endpointer = Endpointer(endpointing, self._frame_seconds)
        self._past: deque[Samples] = deque(maxlen=self._endpointer.lookback_frames)
        self._rest: Samples = np.zeros(0, np.float32)

    @property
    def seconds(self) -> float:
        """How much audio there was."""
        return self._endpointer.frames * self._frame_seconds + self._rest.size / SAMPLE_RATE_HZ

    @property
    def speech_until_seconds(self) -> float:
        """Where the last speech of the running or last utterance ended, in seconds from the stream's start."""
        return self._endpointer.speech_until * self._frame_seconds

    def push(self, samples: Samples) -> Iterator[SegmenterEvent]:
        """Take the next samples, shape (n,); yields what they bring."""
        size = self._activity.frame_samples
        joined = np.concatenate((self._rest, samples))
        whole = joined.size - joined.size % size
        self._rest = joined[whole:]
        running: list[Samples] = []
        for start in range(0, whole, size):
            frame = joined[start : start + size]
            running.append(frame)
            match self._boundary(frame):
                case Begin() as begin:
                    yield self._utterance_start(begin)
                    running = list(self._past)[begin.audio_from - self._endpointer.frames :]
                case End() as end:
                    yield UtteranceAudio(np.concatenate(running))
                    yield self._utterance_end(end)
                    running = []
        if self._endpointer.in_speech and running:
            yield UtteranceAudio(np.concatenate(running))

    def end_utterance(self) -> Iterator[SegmenterEvent]:
        """End the running utterance here, if there is one."""
        if end := self._endpointer.force_end():
            yield self._utterance_end(end)

    def finish(self) -> Iterator[SegmenterEvent]:
        """The stream ends. Nothing may be pushed afterwards."""
        if self._endpointer.in_speech and self._rest.size:
            yield UtteranceAudio(self._rest)
        yield from self.end_utterance()

    def _boundary(self, frame: Samples) -> Begin | End | None:
        self._past.append(frame)
        return self._endpointer.push(self._activity.is_speech(frame))

    def _utterance_start(self, begin: Begin) -> UtteranceStart:
        return UtteranceStart(begin.speech_from * self._frame_seconds, begin.audio_from * self._frame_seconds)

    def _utterance_end(self, end: End) -> UtteranceEnd:
        return UtteranceEnd(
            end.speech_until * self._frame_seconds, min(self.seconds, end.audio_until * self._frame_seconds)
        )
