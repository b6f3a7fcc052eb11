"""What an utterance says, sentence by sentence: a whole text, or one that is still being written."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Protocol

from voicebox_kit.errors import InvalidField, TooSlow

from . import text as texts
from .requests import MAX_TEXT_CHARACTERS

QUEUED_SENTENCES = 16


class Script(Protocol):
    """Sentences to speak; `text` is everything that was given so far, for the history."""

    @property
    def text(self) -> str: ...

    def sentences(self) -> AsyncGenerator[str, None]: ...


class WholeText:
    """A text that is complete."""

    def __init__(self, text: str) -> None:
        self.text = text

    async def sentences(self) -> AsyncGenerator[str, None]:
        for sentence in texts.sentences(self.text):
            yield sentence


class WrittenText:
    """A text that is still being written: `write` and `flush` on one side, `sentences` on the other.

    The writer waits while QUEUED_SENTENCES wait to be spoken, so that a fast writer holds no memory here. A writer that lets the
    speaker wait for `idle_seconds` is taken for lost: TooSlow("STREAM_IDLE").
    """

    def __init__(self, idle_seconds: float) -> None:
        self.text = ""
        self._idle_seconds = idle_seconds
        self._feed = texts.SentenceFeed()
        self._queue: asyncio.Queue[str | Exception | None] = asyncio.Queue(QUEUED_SENTENCES)

    async def write(self, piece: str) -> None:
        """Add text; InvalidField when it is more than one call may speak."""
        if len(self.text) + len(piece) > MAX_TEXT_CHARACTERS:
            raise InvalidField("text", f"A conversation may have {MAX_TEXT_CHARACTERS} characters in all.", "TEXT_TOO_LONG")
        self.text += piece
        await self._put(self._feed.push(piece))

    async def flush(self) -> None:
        """Speak what is there, complete sentence or not."""
        await self._put(self._feed.finish())
        self._feed = texts.SentenceFeed()

    async def end(self, failure: Exception | None = None) -> None:
        """Nothing more comes; a failure is raised where the sentences are read."""
        if failure is None:
            await self.flush()
        await self._queue.put(failure)

    async def sentences(self) -> AsyncGenerator[str, None]:
        while (sentence := await self._next()) is not None:
            yield sentence

    async def _next(self) -> str | None:
        try:
            async with asyncio.timeout(self._idle_seconds):
                sentence = await self._queue.get()
        except TimeoutError as error:
            raise TooSlow("STREAM_IDLE", f"No sentence came for {self._idle_seconds:g} s, and the stream was not closed.") from error
        if isinstance(sentence, Exception):
            raise sentence
        return sentence

    async def _put(self, sentences: list[str]) -> None:
        for sentence in sentences:
            await self._queue.put(sentence)
