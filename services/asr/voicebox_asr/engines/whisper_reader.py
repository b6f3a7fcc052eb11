"""Reads a file of any length with Whisper, several windows at a time."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

from ..brief import is_sayable, is_short, short_sound
from ..coverage import MARGIN_SECONDS, Span, without_words
from ..echoes import of_repeated
from ..engine import SAMPLE_RATE_HZ, Notice, Options, Passage, Reason, Samples
from ..pauses import split_at_pauses
from ..reading import shifted
from ..windows import Window, Windows
from .whisper_batch import Scheduler, outcome
from .whisper_decode import Clip, Decoded, Decoder

STEP_SAMPLES = 10 * SAMPLE_RATE_HZ
"""How much sound is looked at in one step: 15 ms of voice activity detection."""

PROMPT_CHARACTERS = 1000
"""So much of the text before a window is kept for its prompt, which has 223 tokens at most."""

UNRELIABLE_TEMPERATURE = 0.5
"""Text that was written at a higher temperature is no prompt for what follows, as in Whisper."""

LEAST_PROGRESS_SECONDS = 0.5
"""A window is decoded again only from a place so far after the last beginning."""

LEAST_CONFIDENCE = 0.4
"""Text from a second decode that the model did not ask for itself counts when it is so sure of its words."""


@dataclass(frozen=True)
class Part:
    """A window from `start_seconds` to `end_seconds`. `words` are where the words before it are.

    `is_gap` says that speech without words is decoded once more there.
    """

    window: Window
    start_seconds: float
    end_seconds: float
    words: tuple[Span, ...] = ()
    is_gap: bool = False

    @property
    def samples(self) -> Samples:
        """Its sound, shape (n,)."""
        return self.window.samples[round(self.start_seconds * SAMPLE_RATE_HZ) : round(self.end_seconds * SAMPLE_RATE_HZ)]


class WhisperReader:
    """One file. It holds a batch of windows at once, however long the file is."""

    def __init__(self, decoder: Decoder, scheduler: Scheduler[Clip, Decoded], options: Options, windows: Windows) -> None:
        self._decoder = decoder
        self._scheduler = scheduler
        self._options = replace(options, word_times=True)
        """Utterances are placed by their words, and speech without words is found by them."""
        self._windows = windows
        self._language = options.language
        self._language_probability: float | None = None
        self._previous = ""
        self._running: deque[tuple[Part, Future[Decoded]]] = deque()
        self._interrupted = False
        self.notices: list[Notice] = []

    @property
    def speech_seconds(self) -> float:
        return self._windows.speech_seconds

    def hear(self, samples: Samples) -> Iterator[Passage | None]:
        for start in range(0, samples.size, STEP_SAMPLES):
            for window in self._windows.push(samples[start : start + STEP_SAMPLES]):
                yield from self._send(window)
            while self._running and self._running[0][1].done():
                yield from self._receive()
            yield None

    def finish(self) -> Iterator[Passage | None]:
        for window in self._windows.finish():
            yield from self._send(window)
        while self._running:
            yield from self._receive()

    def interrupt(self) -> None:
        self._interrupted = True
        for _, future in list(self._running):
            future.cancel()

    def close(self) -> None:
        self.interrupt()

    @property
    def _at_once(self) -> int:
        """How many windows may run: one as long as the next depends on its language or on its text."""
        detecting = not self._language and not self._options.multilingual
        return 1 if detecting or self._options.decoding.condition_on_previous_text else self._scheduler.batch_size

    def _send(self, window: Window) -> Iterator[Passage | None]:
        while len(self._running) >= self._at_once:
            yield from self._receive()
        part = Part(window, 0.0, window.seconds)
        self._running.append((part, self._submit(part, self._language)))
        if self._interrupted:
            self.interrupt()
        yield None

    def _submit(self, part: Part, language: str) -> Future[Decoded]:
        previous = f"{self._options.prompt} {self._previous}"
        return self._scheduler.submit(self._decoder.clip(part.samples, self._options, language, previous), live=False)

    def _receive(self) -> Iterator[Passage | None]:
        """Wait for the oldest window; what is left of it comes next."""
        part, future = self._running.popleft()
        decoded = outcome(future)
        passages = [_later(passage, part.start_seconds) for passage in decoded.passages if _is_sure(passage) or not part.is_gap]
        passages = self._plausible(passages, part.window)
        if passages and not part.is_gap:
            self._learn(decoded)
        for again in self._again(part, decoded, passages):
            self._running.appendleft((again, self._submit(again, self._options.language if again.is_gap else decoded.language)))
        if self._interrupted:
            self.interrupt()
        for passage in passages:
            yield from split_at_pauses(self._placed(passage, part.window))
        yield None

    def _again(self, part: Part, decoded: Decoded, passages: Sequence[Passage]) -> Sequence[Part]:
        """What of a window has to be decoded again: from where the model broke off, or where there is speech and no word.

        In a gap another language may be spoken: where the caller named none, it is detected anew.
        """
        window, words = part.window, (*part.words, *_spans(passages))
        if part.is_gap:
            self.notices += [
                _other_language(each, decoded.language, self._language, window) for each in passages[:1] if self._speaks_other(decoded)
            ]
            missed = [] if passages else without_words(window.speech, part.words)
            self.notices += [_not_recognised(window, gap) for gap in missed if part.start_seconds <= gap[0] < part.end_seconds]
            return ()
        start = part.start_seconds + (decoded.continues_seconds or 0.0)
        if start >= part.start_seconds + LEAST_PROGRESS_SECONDS:
            return (Part(window, start, part.end_seconds, words),)
        gaps = without_words(window.speech, words)
        if not words:
            self.notices += [_not_recognised(window, gap) for gap in gaps]
            return ()
        return [Part(window, max(0.0, start - MARGIN_SECONDS), end + MARGIN_SECONDS, words, is_gap=True) for start, end in reversed(gaps)]

    def _speaks_other(self, decoded: Decoded) -> bool:
        return not self._options.multilingual and self._language not in ("", decoded.language)

    def _plausible(self, passages: list[Passage], window: Window) -> list[Passage]:
        """What can have been said in the window's time, with how much repeated words resemble each other."""
        if is_short(window):
            letters = sum(character.isalnum() for passage in passages for character in passage.heard.text)
            self.notices.append(short_sound(window, letters))
            return passages if is_sayable(window, letters) else []
        words = [word for passage in passages for word in passage.heard.words]
        alike = of_repeated(window.samples, words)
        return [replace(passage, heard=replace(passage.heard, resemblance=alike)) for passage in passages]

    def _learn(self, decoded: Decoded) -> None:
        """What the next windows go by."""
        if not self._language and not self._options.multilingual:
            self._language, self._language_probability = decoded.language, decoded.language_probability
        if self._options.decoding.condition_on_previous_text:
            text = " ".join(passage.heard.text for passage in decoded.passages)
            reliable = (decoded.passages[0].heard.scores.temperature or 0.0) <= UNRELIABLE_TEMPERATURE
            self._previous = f"{self._previous} {text}"[-PROMPT_CHARACTERS:] if reliable else ""

    def _placed(self, passage: Passage, window: Window) -> Passage:
        """A window's passage in the file; a word is not torn apart where silence was left out within it."""
        words = []
        for word in passage.heard.words:
            middle = (word.start_seconds + word.end_seconds) / 2
            by = window.at(middle) - middle
            words.append(replace(word, start_seconds=word.start_seconds + by, end_seconds=word.end_seconds + by))
        probability = passage.heard.language_probability or self._language_probability
        heard = replace(passage.heard, words=tuple(words), language_probability=probability)
        start = words[0].start_seconds if words else window.at(passage.start_seconds)
        end = words[-1].end_seconds if words else window.until(passage.end_seconds)
        return Passage(heard, start, max(start, end))


def _later(passage: Passage, seconds: float) -> Passage:
    """The same, with all times so much later."""
    return Passage(shifted(passage.heard, seconds), passage.start_seconds + seconds, passage.end_seconds + seconds)


def _spans(passages: Sequence[Passage]) -> list[Span]:
    """Where the words are; passages that have none count as a whole."""
    return [
        span
        for passage in passages
        for span in [(word.start_seconds, word.end_seconds) for word in passage.heard.words]
        or [(passage.start_seconds, passage.end_seconds)]
    ]


def _is_sure(passage: Passage) -> bool:
    return (passage.heard.confidence or 0.0) >= LEAST_CONFIDENCE


def _not_recognised(window: Window, span: Span) -> Notice:
    start, end = span
    sentence = f"No words were recognised in {end - start:.1f} s of what sounds like speech."
    return Notice(Reason.NOT_RECOGNISED, sentence, window.at(start), window.until(end))


def _other_language(passage: Passage, language: str, usual: str, window: Window) -> Notice:
    sentence = (
        f"What is said here was recognised as {language}, the rest as {usual}: with `multilingual` each window has a language of its own."
    )
    return Notice(Reason.LANGUAGE_CHANGED, sentence, window.at(passage.start_seconds), window.until(passage.end_seconds))
