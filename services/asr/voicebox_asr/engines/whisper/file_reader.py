"""Reads a file of any length with Whisper, several windows at a time."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

from voicebox_asr.engine import SAMPLE_RATE_HZ, Options, RecognitionWarning, Samples, Segment, WarningReason, Word
from voicebox_asr.results.self_similarity import repeated_word_similarity
from voicebox_asr.segmentation.coverage import MARGIN_SECONDS, Span, parts_lacking_words, speech_without_words
from voicebox_asr.segmentation.language_changes import LanguageSpan, language_changes, main_language
from voicebox_asr.segmentation.pauses import divided, split_at_pauses
from voicebox_asr.segmentation.short_audio import audible_seconds, is_short, is_speakable, short_audio_warning
from voicebox_asr.segmentation.spans import language_spans
from voicebox_asr.segmentation.utterance_reader import shifted
from voicebox_asr.segmentation.windows import Window, Windows

from .batcher import Scheduler, outcome
from .decoder import Clip, Decoded, WhisperDecoder
from .spoken_languages import SURE, LanguagePart

STEP_SAMPLES = 10 * SAMPLE_RATE_HZ
"""The audio of one step: 15 ms of voice activity detection."""

GATHER_SECONDS = 0.5
"""The longest that a window waits for later ones, to be decoded with them, while audio arrives quickly."""

PROMPT_CHARACTERS = 1000
"""The text before a window that its prompt may use; a prompt has 223 tokens at most."""

UNRELIABLE_TEMPERATURE = 0.5
"""Text that was written at a higher temperature is no prompt for what follows, as in Whisper."""

MIN_PROGRESS_SECONDS = 0.5
"""A window is decoded again only from at least this far after the last start."""

MIN_CONFIDENCE = 0.4
"""The least confidence of text from decoding a gap again."""


@dataclass(frozen=True)
class WindowPart:
    """A window from `start_seconds` to `end_seconds`. `words` are where the words before it are.

    `is_gap` says that speech without words is decoded once more there.
    """

    window: Window
    start_seconds: float
    end_seconds: float
    words: tuple[Span, ...] = ()
    is_gap: bool = False
    found: tuple[Segment, ...] = ()
    """What the window's text has here, which is too little: the part is decoded alone, and the longer text counts."""
    language: str = ""
    """BCP 47; empty: it is detected."""
    probability: float | None = None
    """Of its language, where that was detected before."""

    @property
    def samples(self) -> Samples:
        """Its audio, shape (n,)."""
        return self.window.samples[
            round(self.start_seconds * SAMPLE_RATE_HZ) : round(self.end_seconds * SAMPLE_RATE_HZ)
        ]


class WhisperReader:
    """One file. Windows are decoded in batches as their audio arrives; it holds two batches, however long it is."""

    def __init__(
        self,
        decoder: WhisperDecoder,
        scheduler: Scheduler[Clip, Decoded],
        options: Options,
        windows: Windows,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._decoder = decoder
        self._scheduler = scheduler
        self._options = replace(options, word_times=True)
        """Words give utterances their times, and show where speech has no words."""
        self._windows = windows
        self._language_spans: list[LanguageSpan] = []
        self._previous = ""
        self._clock = clock
        self._gathered: list[WindowPart] = []
        self._gathered_since = 0.0
        self._running: deque[tuple[WindowPart, Future[Decoded]]] = deque()
        self._interrupted = False
        self.warnings: list[RecognitionWarning] = []

    @property
    def speech_seconds(self) -> float:
        return self._windows.speech_seconds

    def process(self, samples: Samples) -> Iterator[Segment | None]:
        for start in range(0, samples.size, STEP_SAMPLES):
            for window in self._windows.push(samples[start : start + STEP_SAMPLES]):
                yield from self._send(window)
            while self._running and self._running[0][1].done():
                yield from self._receive()
            if not self._running and self._clock() - self._gathered_since >= GATHER_SECONDS:
                self._flush()
            yield None

    def finish(self) -> Iterator[Segment | None]:
        for window in self._windows.finish():
            yield from self._send(window)
        self._flush()
        while self._running:
            yield from self._receive()
        if not self._options.multilingual:
            self.warnings += language_changes(self._language_spans)

    def interrupt(self) -> None:
        self._interrupted = True
        for _, future in list(self._running):
            future.cancel()

    def close(self) -> None:
        self.interrupt()

    @property
    def _at_once(self) -> int:
        """How many windows are decoded together: one where the next depends on its text."""
        return 1 if self._options.decoding.condition_on_previous_text else self._scheduler.batch_size

    def _send(self, window: Window) -> Iterator[Segment | None]:
        if not self._gathered:
            self._gathered_since = self._clock()
        self._gathered.append(WindowPart(window, 0.0, window.seconds, language=self._options.language))
        if len(self._gathered) >= self._at_once:
            while self._running:
                yield from self._receive()
            self._flush()
        yield None

    def _flush(self) -> None:
        """Have what was gathered decoded."""
        self._running.extend(self._submitted(self._gathered))
        self._gathered = []
        if self._interrupted:
            self.interrupt()

    def _decode_next(self, parts: Sequence[WindowPart]) -> None:
        """Have parts decoded before what comes after them."""
        self._running.extendleft(reversed(self._submitted(parts)))
        if self._interrupted:
            self.interrupt()

    def _submitted(self, parts: Sequence[WindowPart]) -> list[tuple[WindowPart, Future[Decoded]]]:
        futures = self._scheduler.submit_all([self._clip(part) for part in parts], live=False) if parts else []
        return list(zip(parts, futures, strict=True))

    def _clip(self, part: WindowPart) -> Clip:
        previous = f"{self._options.prompt} {self._previous}"
        spans = () if part.language or part.is_gap else language_spans(part.window.speech, part.window.seconds)
        return self._decoder.clip(part.samples, self._options, part.language, previous, spans)

    def _receive(self) -> Iterator[Segment | None]:
        """Wait for the oldest window; the rest of it is decoded next."""
        part, future = self._running.popleft()
        decoded = outcome(future)
        for segment in self._accepted(part, decoded):
            yield from split_at_pauses(self._in_file(segment, part))
        yield None

    def _accepted(self, part: WindowPart, decoded: Decoded) -> Sequence[Segment]:
        """The segments of a part that count; the rest is decoded again."""
        if parts := self._language_parts(part, decoded):
            self._decode_next(parts)
            return ()
        segments = [
            _later(segment, part.start_seconds) for segment in decoded.segments if _is_sure(segment) or not part.is_gap
        ]
        segments = self._plausible(segments, part.window)
        if part.found:
            return _longer(segments, part.found)
        if part.is_gap:
            self._note_gap(part, decoded, segments)
            return segments
        if segments:
            self._update_context(part, decoded)
        lacking = parts_lacking_words(part.window.speech, _words(segments))
        outside, inside = divided(segments, lacking)
        words = (*part.words, *_spans(segments))
        self._decode_next(
            [
                *self._retries(part, decoded, words, lacking),
                *(self._part(part.window, span, words, found) for span, found in zip(lacking, inside, strict=True)),
            ]
        )
        return outside

    def _language_parts(self, part: WindowPart, decoded: Decoded) -> Sequence[WindowPart]:
        """A part that changes its language as several; one of unsure language in that of the rest; else none."""
        if decoded.language_parts:
            self.warnings += [
                _unsure_language(part.window, each) for each in decoded.language_parts if not each.is_sure
            ]
            return [_language_part(part.window, each) for each in decoded.language_parts]
        is_unsure = not part.language and not part.is_gap and (decoded.language_probability or 0.0) < SURE
        if is_unsure and self._main_language not in ("", decoded.language) and not self._options.multilingual:
            return [replace(part, language=self._main_language)]
        return ()

    def _note_gap(self, part: WindowPart, decoded: Decoded, segments: Sequence[Segment]) -> None:
        """Remember the language of what was said in a gap, or warn that it has no words."""
        window = part.window
        self._language_spans += [
            _language_span(window, (each.start_seconds, each.end_seconds), decoded.language) for each in segments
        ]
        missed = [] if segments else speech_without_words(window.speech, part.words)
        self.warnings += [
            _not_recognised(window, gap) for gap in missed if part.start_seconds <= gap[0] < part.end_seconds
        ]

    def _retries(
        self, part: WindowPart, decoded: Decoded, words: tuple[Span, ...], lacking: Sequence[Span]
    ) -> Sequence[WindowPart]:
        """The parts of a window to decode again: from where the model broke off, or where speech has no words.

        Parts that are `lacking` words are decoded again anyway.
        """
        window = part.window
        start = part.start_seconds + (decoded.continues_seconds or 0.0)
        if start >= part.start_seconds + MIN_PROGRESS_SECONDS:
            return (
                replace(
                    part,
                    start_seconds=start,
                    words=words,
                    language=decoded.language,
                    probability=decoded.language_probability,
                ),
            )
        gaps = speech_without_words(window.speech, words)
        if not words:
            self.warnings += [_not_recognised(window, gap) for gap in gaps]
            return ()
        return [
            self._part(window, (max(start, gap[0]), gap[1]), words)
            for gap in gaps
            if not any(first < gap[1] and gap[0] < last for first, last in lacking)
        ]

    def _part(self, window: Window, span: Span, words: tuple[Span, ...], found: tuple[Segment, ...] = ()) -> WindowPart:
        """A span of a window, to be decoded by itself. `words` are where the window's words are, `found` those there.

        Without `found` it is a gap, and may be in another language: where the caller named none, it is detected again.
        """
        part = WindowPart(window, max(0.0, span[0] - MARGIN_SECONDS), span[1] + MARGIN_SECONDS, words)
        if not found:
            return replace(part, is_gap=True, language=self._options.language)
        known = found[0].hypothesis
        return replace(part, found=found, language=known.language, probability=known.language_probability)

    @property
    def _main_language(self) -> str:
        """The language of most speech so far; empty before any."""
        return main_language(self._language_spans)

    def _plausible(self, segments: list[Segment], window: Window) -> list[Segment]:
        """The segments that can have been said in the window's time, with the similarity of repeated words."""
        seconds = audible_seconds(window)
        if is_short(seconds):
            text = " ".join(segment.hypothesis.text for segment in segments)
            self.warnings.append(short_audio_warning(text, seconds, window.at(0.0), window.until(window.seconds)))
            return segments if is_speakable(text, seconds) else []
        alike = repeated_word_similarity(window.samples, _words(segments))
        return [replace(segment, hypothesis=replace(segment.hypothesis, self_similarity=alike)) for segment in segments]

    def _update_context(self, part: WindowPart, decoded: Decoded) -> None:
        """Remember what the next windows use."""
        self._language_spans.append(
            _language_span(part.window, (part.start_seconds, part.end_seconds), decoded.language)
        )
        if self._options.decoding.condition_on_previous_text:
            text = " ".join(segment.hypothesis.text for segment in decoded.segments)
            reliable = (decoded.segments[0].hypothesis.scores.temperature or 0.0) <= UNRELIABLE_TEMPERATURE
            self._previous = f"{self._previous} {text}"[-PROMPT_CHARACTERS:] if reliable else ""

    def _in_file(self, segment: Segment, part: WindowPart) -> Segment:
        """A window's segment with times of the file; a word stays whole where silence was left out within it."""
        window = part.window
        words = []
        for word in segment.hypothesis.words:
            middle = (word.start_seconds + word.end_seconds) / 2
            by = window.at(middle) - middle
            words.append(replace(word, start_seconds=word.start_seconds + by, end_seconds=word.end_seconds + by))
        probability = segment.hypothesis.language_probability or part.probability
        hypothesis = replace(segment.hypothesis, words=tuple(words), language_probability=probability)
        start = words[0].start_seconds if words else window.at(segment.start_seconds)
        end = words[-1].end_seconds if words else window.until(segment.end_seconds)
        return Segment(hypothesis, start, max(start, end))


def _later(segment: Segment, seconds: float) -> Segment:
    """The same, with all times later by `seconds`."""
    return Segment(shifted(segment.hypothesis, seconds), segment.start_seconds + seconds, segment.end_seconds + seconds)


def _spans(segments: Sequence[Segment]) -> list[Span]:
    """Where the words are; a segment without words counts as a whole."""
    return [
        span
        for segment in segments
        for span in [(word.start_seconds, word.end_seconds) for word in segment.hypothesis.words]
        or [(segment.start_seconds, segment.end_seconds)]
    ]


def _words(segments: Sequence[Segment]) -> list[Word]:
    return [word for segment in segments for word in segment.hypothesis.words]


def _longer(segments: Sequence[Segment], found: tuple[Segment, ...]) -> Sequence[Segment]:
    """What a part says when it is decoded by itself, if that is more, and sure; else what was found before."""
    lengths = [sum(len(each.hypothesis.text) for each in text) for text in (segments, found)]
    return segments if lengths[0] > lengths[1] and all(map(_is_sure, segments)) else found


def _is_sure(segment: Segment) -> bool:
    return (segment.hypothesis.confidence or 0.0) >= MIN_CONFIDENCE


def _not_recognised(window: Window, span: Span) -> RecognitionWarning:
    start, end = span
    sentence = f"No words were recognised in {end - start:.1f} s of what sounds like speech."
    return RecognitionWarning(WarningReason.NOT_RECOGNISED, sentence, window.at(start), window.until(end))


def _language_part(window: Window, spoken: LanguagePart) -> WindowPart:
    cut = window.cut(spoken.start_seconds, spoken.end_seconds)
    return WindowPart(cut, 0.0, cut.seconds, language=spoken.language, probability=spoken.probability)


def _language_span(window: Window, span: Span, language: str) -> LanguageSpan:
    return LanguageSpan(language, window.at(span[0]), window.until(span[1]))


def _unsure_language(window: Window, spoken: LanguagePart) -> RecognitionWarning:
    sentence = (
        f"What is said here was recognised as {spoken.language}, and is probably in another language, "
        "which is not detected reliably."
    )
    return RecognitionWarning(
        WarningReason.LANGUAGE_CHANGED, sentence, window.at(spoken.start_seconds), window.until(spoken.end_seconds)
    )
