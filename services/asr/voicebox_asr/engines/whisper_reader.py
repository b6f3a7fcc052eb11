"""Reads a file of any length with Whisper, several windows at a time."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace

from ..engine import SAMPLE_RATE_HZ, Options, Passage, Samples
from ..windows import Window, Windows
from .whisper_batch import Scheduler, outcome
from .whisper_decode import Clip, Decoded, Decoder

STEP_SAMPLES = 10 * SAMPLE_RATE_HZ
"""How much sound is looked at in one step: 15 ms of voice activity detection."""

PROMPT_CHARACTERS = 1000
"""So much of the text before a window is kept for its prompt, which has 223 tokens at most."""

UNRELIABLE_TEMPERATURE = 0.5
"""Text that was written at a higher temperature is no prompt for what follows, as in Whisper."""


class WhisperReader:
    """One file. It holds a batch of windows at once, however long the file is."""

    def __init__(self, decoder: Decoder, scheduler: Scheduler[Clip, Decoded], options: Options, windows: Windows) -> None:
        self._decoder = decoder
        self._scheduler = scheduler
        self._options = options
        self._windows = windows
        self._language = options.language
        self._language_probability: float | None = None
        self._previous = ""
        self._running: deque[tuple[Window, Future[Decoded]]] = deque()
        self._interrupted = False

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
        previous = f"{self._options.prompt} {self._previous}"
        clip = self._decoder.clip(window.samples, self._options, self._language, previous, timestamps=True)
        self._running.append((window, self._scheduler.submit(clip, live=False)))
        if self._interrupted:
            self.interrupt()
        yield None

    def _receive(self) -> Iterator[Passage | None]:
        """Wait for the oldest window."""
        window, future = self._running.popleft()
        decoded = outcome(future)
        if decoded.passages:
            self._learn(decoded)
        for passage in decoded.passages:
            yield self._placed(passage, window)
        yield None

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
