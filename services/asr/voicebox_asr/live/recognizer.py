"""Recognises speech while it is spoken."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from voicebox_asr.engine import SAMPLE_RATE_HZ, Hypothesis, RecognitionWarning, Samples, Session, SupportsEarlyFinal
from voicebox_asr.results.utterance import Utterance
from voicebox_asr.segmentation.segmenter import Segmenter, SegmenterEvent, UtteranceAudio, UtteranceEnd, UtteranceStart
from voicebox_asr.segmentation.short_audio import EDGES_SECONDS, is_short, is_speakable, short_audio_warning
from voicebox_asr.segmentation.utterance_reader import shifted

from .interims import Interims

STEP_SAMPLES = SAMPLE_RATE_HZ // 2

EARLY_FINAL_SILENCE_SECONDS = 0.15
"""After this much silence an early final is made: it is ready when the silence turns out to end the utterance."""

MAX_EARLY_FINAL_LAG_SECONDS = 0.5
"""With more audio than this waiting no early final is made: it may be wasted work."""


@dataclass(frozen=True)
class SpeechStart:
    """Speech starts, in seconds from the start of the stream; `channel` as in Utterance."""

    at_seconds: float
    channel: int = 0


@dataclass(frozen=True)
class SpeechEnd:
    """Speech ends, in seconds from the start of the stream; `channel` as in Utterance."""

    at_seconds: float
    channel: int = 0


@dataclass(frozen=True)
class Interim:
    """A hypothesis of the running utterance. Later interims and the final begin with `stable`, too.

    `lag_seconds` is how much audio had arrived after the newest that was recognised, when it was sent.
    """

    utterance: Utterance
    stable: str
    lag_seconds: float


@dataclass(frozen=True)
class Final:
    """The hypothesis of a whole utterance. `lag_seconds` of audio had arrived after its speech when it was sent."""

    utterance: Utterance
    lag_seconds: float
    warnings: tuple[RecognitionWarning, ...] = ()


@dataclass(frozen=True)
class EarlyFinal:
    """The final if no speech follows `speech_until_seconds` of the stream."""

    hypothesis: Hypothesis
    speech_until_seconds: float


LiveEvent = SpeechStart | SpeechEnd | Interim | Final


@dataclass(frozen=True)
class ChannelContext:
    """What a channel's recogniser shares with its stream: the count of utterances, and the audio that waits."""

    next_index: Callable[[], int]
    lag_seconds: Callable[[], float]
    channel: int = 0


class LiveRecognizer:
    """One channel of a stream: samples in, events out, finals as soon as an utterance ends.

    Recognition of an utterance starts when `preview_seconds` of it have arrived, for the engine to adapt to: with 1 s
    pocketsphinx has a WER of 0.21, without 0.49. For interims it starts at once, and again when the preview is there.
    """

    def __init__(
        self,
        session: Session,
        segmenter: Segmenter,
        preview_seconds: float,
        interims: Interims | None,
        context: ChannelContext,
    ) -> None:
        self._session = session
        self._segmenter = segmenter
        self._preview_samples = round(preview_seconds * SAMPLE_RATE_HZ)
        self._interims = interims
        self._context = context
        self._start = UtteranceStart(0.0, 0.0)
        self._index = 0
        self._preview: list[Samples] | None = []
        self._is_begun = False
        self._early_final: EarlyFinal | None = None

    def process(self, samples: Samples) -> Iterator[LiveEvent]:
        """Take the next samples, shape (n,), 0.1 s or less for punctual interims; yields events as they are known."""
        yield from self._follow(self._segmenter.push(samples))

    def end_utterance(self) -> Iterator[LiveEvent]:
        """End the running utterance now, if there is one."""
        yield from self._follow(self._segmenter.end_utterance())

    def finish(self) -> Iterator[LiveEvent]:
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

    def _follow(self, segments: Iterator[SegmenterEvent]) -> Iterator[LiveEvent]:
        for segment in segments:
            match segment:
                case UtteranceStart():
                    self._begin_utterance(segment)
                    yield SpeechStart(segment.speech_seconds, self._context.channel)
                case UtteranceAudio():
                    self._add(segment.samples)
                    yield from self._make_early_final() if self._wants_early_final() else self._next_interim()
                case UtteranceEnd():
                    yield SpeechEnd(segment.speech_seconds, self._context.channel)
                    yield self._final(segment)

    def _begin_utterance(self, start: UtteranceStart) -> None:
        self._start, self._index = start, self._context.next_index()
        self._preview, self._is_begun, self._early_final = [], False, None
        if self._interims:
            self._interims.begin()

    def _add(self, samples: Samples) -> None:
        if self._interims:
            self._interims.add(samples.size / SAMPLE_RATE_HZ)
        if self._preview is not None:
            self._preview.append(samples)
            if sum(piece.size for piece in self._preview) >= self._preview_samples:
                self._settle()
            elif self._is_begun:
                self._feed(samples)
            elif self._interims and self._interims.in_time(self._context.lag_seconds()):
                self._begin(self._preview)
        else:
            self._feed(samples)

    def _settle(self) -> None:
        """The preview is complete."""
        if self._preview is not None:
            self._begin(self._preview)
            self._preview = None
            if self._interims:
                self._interims.settle()

    def _begin(self, pieces: list[Samples]) -> None:
        preview = np.concatenate(pieces)
        self._session.begin(preview)
        self._feed(preview)
        self._is_begun = True

    def _feed(self, samples: Samples) -> None:
        for start in range(0, samples.size, STEP_SAMPLES):
            self._session.feed(samples[start : start + STEP_SAMPLES])

    def _next_interim(self) -> Iterator[Interim]:
        if self._interims and self._is_begun and not self._has_early_final:
            yield from self._shown(
                self._interims.next(lambda: self._plausible(self._session.interim()), self._context.lag_seconds())
            )

    def _shown(self, found: tuple[Hypothesis, str] | None) -> Iterator[Interim]:
        if found:
            hypothesis, stable = found
            yield Interim(self._utterance(hypothesis, self._segmenter.seconds), stable, self._context.lag_seconds())

    def _wants_early_final(self) -> bool:
        is_silent = self._segmenter.seconds - self._segmenter.speech_until_seconds >= EARLY_FINAL_SILENCE_SECONDS
        in_time = self._context.lag_seconds() <= MAX_EARLY_FINAL_LAG_SECONDS
        return (
            isinstance(self._session, SupportsEarlyFinal)
            and self._preview is None
            and is_silent
            and not self._has_early_final
            and in_time
        )

    def _make_early_final(self) -> Iterator[Interim]:
        """Make an early final, and show it as an interim."""
        assert isinstance(self._session, SupportsEarlyFinal)
        hypothesis = self._session.early_final()
        self._early_final = EarlyFinal(hypothesis, self._segmenter.speech_until_seconds)
        if self._interims:
            yield from self._shown(self._interims.show(self._plausible(hypothesis)))

    @property
    def _has_early_final(self) -> bool:
        """Whether there is an early final and no speech since."""
        return (
            self._early_final is not None
            and self._early_final.speech_until_seconds == self._segmenter.speech_until_seconds
        )

    def _final(self, end: UtteranceEnd) -> Final:
        self._settle()
        whole = self._end()
        hypothesis = self._plausible(whole)
        if self._interims:
            hypothesis = self._interims.final(hypothesis)
        silence_seconds = self._segmenter.seconds - end.speech_seconds
        lag_seconds = self._context.lag_seconds() + silence_seconds
        return Final(
            self._utterance(hypothesis, end.speech_seconds), lag_seconds, self._warnings(whole, end.speech_seconds)
        )

    def _plausible(self, hypothesis: Hypothesis) -> Hypothesis:
        """The hypothesis, or none where its text cannot have been said in the time so far."""
        seconds = self._speech_seconds(self._segmenter.speech_until_seconds)
        return (
            hypothesis
            if not is_short(seconds) or is_speakable(hypothesis.text, seconds)
            else Hypothesis("", None, (), hypothesis.language)
        )

    def _warnings(self, hypothesis: Hypothesis, end_seconds: float) -> tuple[RecognitionWarning, ...]:
        seconds = self._speech_seconds(end_seconds)
        if not hypothesis.text or not is_short(seconds):
            return ()
        return (short_audio_warning(hypothesis.text, seconds, self._start.speech_seconds, end_seconds),)

    def _speech_seconds(self, end_seconds: float) -> float:
        return end_seconds - self._start.speech_seconds + EDGES_SECONDS

    def _end(self) -> Hypothesis:
        if self._early_final and self._has_early_final and isinstance(self._session, SupportsEarlyFinal):
            self._session.accept_early_final(self._early_final.hypothesis)
            return self._early_final.hypothesis
        return self._session.end()

    def _utterance(self, hypothesis: Hypothesis, end_seconds: float) -> Utterance:
        in_stream = shifted(hypothesis, self._start.audio_seconds)
        return Utterance(self._index, in_stream, self._start.speech_seconds, end_seconds, self._context.channel)
