"""The text of an utterance, sentence by sentence: complete, or still being written."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol

from voicebox_kit.errors import InvalidField, TooSlow

from voicebox_tts.engine import GivenPhonemes
from voicebox_tts.job import MAX_TEXT_CHARACTERS, NO_OVERRIDE, VoiceOverride
from voicebox_tts.text import sentences as texts
from voicebox_tts.text.directions import Directed, Mark, Passage, Pause, Section, Turn

MAX_INTERRUPTIONS = 1000
"""Of one conversation: the queue is bounded, also for a stream of nothing but interruptions."""


@dataclass(frozen=True)
class Interruption:
    """What came before this is not spoken any further."""


Item = str | Interruption | VoiceOverride | Pause | Mark | Turn
"""A sentence, or what is between sentences; a VoiceOverride is how those after it are spoken."""


class Script(Protocol):
    """Sentences to speak; `text` is all of them, for the history.

    `given` is what the placeholders in the sentences stand for. `overrides` are the ways in which they are spoken, each
    once, in order; `sections` are the text in those ways, none where there is but one. `warnings` are sentences for
    people on what of the text is not followed. `interrupted` is set from when the listener interrupts until the
    Interruption is yielded.
    """

    @property
    def text(self) -> str: ...

    @property
    def given(self) -> Sequence[GivenPhonemes]: ...

    @property
    def overrides(self) -> Sequence[VoiceOverride]: ...

    @property
    def warnings(self) -> Sequence[str]: ...

    @property
    def sections(self) -> Sequence[Section]: ...

    @property
    def interrupted(self) -> asyncio.Event: ...

    def sentences(self) -> AsyncGenerator[Item, None]: ...


class WholeText:
    """A text that is complete."""

    given: Sequence[GivenPhonemes] = ()
    overrides: Sequence[VoiceOverride] = (NO_OVERRIDE,)
    sections: Sequence[Section] = ()

    def __init__(self, text: str, warnings: Sequence[str] = ()) -> None:
        self.text, self.warnings = text, warnings
        self.interrupted = asyncio.Event()

    async def sentences(self) -> AsyncGenerator[Item, None]:
        for sentence in texts.each_sentence(self.text):
            yield sentence


class DirectedText:
    """A text that is complete, with directions on how it is spoken."""

    def __init__(self, directed: Directed) -> None:
        self._directed = directed
        self.text, self.warnings, self.given = directed.text, directed.warnings, directed.given
        self.overrides: Sequence[VoiceOverride] = directed.overrides or (NO_OVERRIDE,)
        self.sections = directed.sections
        self.interrupted = asyncio.Event()

    async def sentences(self) -> AsyncGenerator[Item, None]:
        override = self.overrides[0]
        for direction in self._directed.directions:
            if isinstance(direction, Passage | Turn) and direction.override != override:
                override = direction.override
                yield override
            if isinstance(direction, Passage):
                for sentence in texts.each_sentence(direction.text):
                    yield sentence
            else:
                yield direction


class WrittenText:
    """A text that is still being written: `write`, `flush` and `interrupt` on one side, `sentences` on the other.

    The writer never waits, so that it can always interrupt; what waits to be spoken is MAX_TEXT_CHARACTERS at most. A
    writer that lets the speaker wait for `idle_seconds` is taken for lost: TooSlow("STREAM_IDLE").
    """

    given: Sequence[GivenPhonemes] = ()
    overrides: Sequence[VoiceOverride] = (NO_OVERRIDE,)
    sections: Sequence[Section] = ()
    warnings: Sequence[str] = ()

    def __init__(self, idle_seconds: float) -> None:
        self.interrupted = asyncio.Event()
        self._written = ""
        self._begun: list[str] = []
        self._interruptions = 0
        self._idle_seconds = idle_seconds
        self._feed = texts.SentenceFeed(eager=True)
        self._queue: asyncio.Queue[str | Interruption | Exception | None] = asyncio.Queue()

    @property
    def text(self) -> str:
        """What was written; once interrupted, the sentences that were begun."""
        return " ".join(self._begun) if self._interruptions else self._written

    def write(self, piece: str) -> None:
        """Add text; InvalidField when it is more than one call may speak."""
        if len(self._written) + len(piece) > MAX_TEXT_CHARACTERS:
            raise InvalidField(
                "text", f"A conversation may have {MAX_TEXT_CHARACTERS} characters in all.", "TEXT_TOO_LONG"
            )
        self._written += piece
        self._put(self._feed.push(piece))

    def flush(self) -> None:
        """Speak what was written, also an incomplete sentence."""
        self._put(self._feed.finish())
        self._feed = texts.SentenceFeed(eager=True)

    def interrupt(self) -> None:
        """Drop what is not spoken yet; InvalidField when it comes too often."""
        if self._interruptions == MAX_INTERRUPTIONS:
            raise InvalidField(
                "control", f"A conversation may be interrupted {MAX_INTERRUPTIONS} times.", "TOO_MANY_INTERRUPTIONS"
            )
        self._interruptions += 1
        self._feed = texts.SentenceFeed(eager=True)
        waiting = [self._queue.get_nowait() for _ in range(self._queue.qsize())]
        for item in (*waiting, Interruption()):
            if isinstance(item, Interruption):  # each is answered
                self._queue.put_nowait(item)
        self.interrupted.set()

    def end(self, failure: Exception | None = None) -> None:
        """The text ends; a failure is raised by `sentences`."""
        if failure is None:
            self.flush()
        self._queue.put_nowait(failure)

    async def sentences(self) -> AsyncGenerator[Item, None]:
        while (sentence := await self._next()) is not None:
            if isinstance(sentence, Interruption):
                self.interrupted.clear()
            else:
                self._begun.append(sentence)
            yield sentence

    async def _next(self) -> str | Interruption | None:
        try:
            async with asyncio.timeout(self._idle_seconds):
                sentence = await self._queue.get()
        except TimeoutError as error:
            raise TooSlow(
                "STREAM_IDLE", f"No sentence came for {self._idle_seconds:g} s, and the stream was not closed."
            ) from error
        if isinstance(sentence, Exception):
            raise sentence
        return sentence

    def _put(self, sentences: list[str]) -> None:
        for sentence in sentences:
            self._queue.put_nowait(sentence)
