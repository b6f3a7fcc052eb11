"""Recognises a live stream's utterances with Whisper, together with all other streams."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

import numpy as np

from voicebox_asr.engine import Decoding, Hypothesis, Options, Samples, Segment, Word
from voicebox_asr.segmentation.utterance_reader import shifted
from voicebox_asr.segmentation.windows import FRAME_SAMPLES, Window, Windows, levels

from .batcher import Scheduler, outcome
from .decoder import WINDOW_SECONDS, Clip, Decoded, WhisperDecoder
from .languages import UNSPACED

HASTY_SECONDS = 1.5
"""An interim of less is left out where it is poor: the next one comes sooner than a better result of the same sound."""

SILENCE_DB = -60.0
"""In audio without a louder frame Whisper would only invent words."""

NOTHING = Hypothesis("", None, ())


class WhisperSession:
    """One live stream. It holds one utterance of audio."""

    def __init__(self, decoder: WhisperDecoder, scheduler: Scheduler[Clip, Decoded], options: Options) -> None:
        self._decoder = decoder
        self._scheduler = scheduler
        self._options = options
        self._quick = replace(options, decoding=Decoding(beam_size=1, temperatures=(0.0,)), word_times=False)
        self._previous = ""
        self._pieces: list[Samples] = []
        self._running: Sequence[Future[Decoded]] = ()
        self._interrupted = False
        scheduler.live_opened()

    def begin(self, preview: Samples) -> None:
        """Whisper reads the whole utterance at once: a preview does not help it."""
        self._pieces = []

    def feed(self, samples: Samples) -> None:
        self._pieces.append(samples)

    def interim(self) -> Hypothesis:
        """By greedy search; only finals are searched thoroughly."""
        hypothesis = self._decode(self._quick)
        pieces = list(hypothesis.text) if hypothesis.language in UNSPACED else hypothesis.text.split()
        return replace(hypothesis, words=tuple(Word(piece, 0.0, 0.0, None) for piece in pieces))

    def end(self) -> Hypothesis:
        hypothesis = self.early_final()
        self.accept_early_final(hypothesis)
        return hypothesis

    def early_final(self) -> Hypothesis:
        return self._decode(self._options)

    def accept_early_final(self, hypothesis: Hypothesis) -> None:
        if self._options.decoding.condition_on_previous_text:
            self._previous = hypothesis.text
        self._pieces = []

    def interrupt(self) -> None:
        self._interrupted = True
        for future in self._running:
            future.cancel()

    def close(self) -> None:
        self.interrupt()
        self._scheduler.live_closed()

    def _decode(self, options: Options) -> Hypothesis:
        windows = list(_windows(self._pieces))
        clips = [self._clip(window, options) for window in windows]
        is_hasty = options is self._quick and sum(clip.seconds for clip in clips) < HASTY_SECONDS
        clips = [replace(clip, retried=not is_hasty) for clip in clips]
        self._running = self._scheduler.submit_all(clips, live=True)
        if self._interrupted:
            self.interrupt()
        decoded = [outcome(future) for future in self._running]
        if is_hasty and not all(each.is_good for each in decoded):
            return NOTHING
        return joined(
            [
                _in_stream(segment, window)
                for each, window in zip(decoded, windows, strict=True)
                for segment in each.segments
            ]
        )

    def _clip(self, window: Window, options: Options) -> Clip:
        previous = f"{options.prompt} {self._previous}"
        return self._decoder.clip(window.samples, options, options.language, previous)


def joined(segments: Sequence[Hypothesis]) -> Hypothesis:
    """The hypotheses of an utterance's windows as one; scores and language are the first one's."""
    if not segments:
        return NOTHING
    first = segments[0]
    space = "" if first.language in UNSPACED else " "
    words = tuple(word for segment in segments for word in segment.words)
    confidence = sum(segment.confidence or 0.0 for segment in segments) / len(segments)
    return replace(first, text=space.join(segment.text for segment in segments), words=words, confidence=confidence)


def _windows(pieces: Sequence[Samples]) -> Sequence[Window]:
    """One window, or more for an utterance that is too long for one; none for silence."""
    whole = np.concatenate([*pieces, np.zeros(0, np.float32)])
    frames = whole[: whole.size - whole.size % FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    if not frames.size or levels(frames).max() < SILENCE_DB:
        return ()
    windows = Windows(WINDOW_SECONDS)
    return [*windows.push(whole), *windows.finish()]


def _in_stream(segment: Segment, window: Window) -> Hypothesis:
    return shifted(segment.hypothesis, window.at(0.0))
