"""Speech as it streams in: event by event, or taken whole."""

import io
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

from voicebox.tts.v1 import tts_pb2

from . import wav
from .errors import VoiceboxClientError, cut_short
from .long_text import Joined, WholeParts
from .whole_file import whole_file

SpeechEvent = tts_pb2.StreamSynthesizeResponse | tts_pb2.ConverseSynthesizeResponse | tts_pb2.StreamDialogueResponse


class _Received:
    """The state of an utterance: `started` comes before any audio, `finished` when all of it came.

    A conversation that was interrupted before its first sound has no `started`.
    """

    def __init__(self, joined: Joined | None) -> None:
        self._joined = joined
        self.started: tts_pb2.SynthesisStarted | None = None
        self.finished: tts_pb2.SynthesisFinished | None = None

    def _note(self, event: SpeechEvent) -> None:
        if event.HasField("started"):
            self.started = event.started
        elif event.HasField("finished"):
            self.finished = event.finished

    @property
    def generations(self) -> list[str]:
        """The history's records so far: one, or one for each part of a long text."""
        parts = self._joined.finished if self._joined else [self.finished] if self.finished else []
        return [part.generation for part in parts if part.generation]

    def whole_parts(self) -> WholeParts:
        """Writes the audio to a file of which the whole parts are kept when a later one fails."""
        return WholeParts(self._joined)

    def _end(self) -> tts_pb2.SynthesisFinished:
        if self.finished is None:
            raise cut_short("speech")
        return self.finished


class Speech(_Received):
    """An utterance that begins when it is iterated over, once. Every way to take it raises VoiceboxClientError."""

    def __init__(self, events: Iterator[SpeechEvent], joined: Joined | None = None) -> None:
        super().__init__(joined)
        self._events = events

    def __iter__(self) -> Iterator[SpeechEvent]:
        for event in self._events:
            self._note(event)
            yield event
        self._end()

    def read(self) -> bytes:
        """The whole audio file."""
        file = io.BytesIO()
        for event in self:
            file.write(event.chunk.audio)
        wav.write_sizes(file)
        return file.getvalue()

    def save(self, path: str | Path) -> tts_pb2.SynthesisFinished:
        """Writes the file while it streams; it appears under its name only when it is whole. Raises OSError too.

        Of a long text that fails in a later part, the file has the parts before, and the error says so.
        """
        parts = self.whole_parts()
        with whole_file(path) as file:
            try:
                for event in self:
                    parts.write(file, event.chunk.audio)
            except VoiceboxClientError as error:
                parts.keep(file, str(path), error)
        parts.ended()
        return self._end()


class AsyncSpeech(_Received):
    """An utterance that begins when it is iterated over, once. Every way to take it raises VoiceboxClientError."""

    def __init__(self, events: AsyncGenerator[SpeechEvent], joined: Joined | None = None) -> None:
        super().__init__(joined)
        self._events = events

    async def __aiter__(self) -> AsyncIterator[SpeechEvent]:
        async with aclosing(self._events) as events:
            async for event in events:
                self._note(event)
                yield event
        self._end()

    async def read(self) -> bytes:
        """The whole audio file."""
        file = io.BytesIO()
        async for event in self:
            file.write(event.chunk.audio)
        wav.write_sizes(file)
        return file.getvalue()

    async def save(self, path: str | Path) -> tts_pb2.SynthesisFinished:
        """Writes the file while it streams; it appears under its name only when it is whole. Raises OSError too.

        Of a long text that fails in a later part, the file has the parts before, and the error says so.
        """
        parts = self.whole_parts()
        with whole_file(path) as file:
            try:
                async for event in self:
                    parts.write(file, event.chunk.audio)
            except VoiceboxClientError as error:
                parts.keep(file, str(path), error)
        parts.ended()
        return self._end()
