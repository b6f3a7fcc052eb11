"""One peer's connection: requests in, one answer at a time, events out.

Every error is sent as an error event and ends the connection: Home Assistant ignores error events and would wait for
ever for audio or a transcript. It opens a connection for each request.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from voicebox_kit.errors import InvalidField

from . import events, failures, fields, speaking, transcribing
from .events import Event
from .fields import Data
from .info import describe
from .services import Services
from .settings import Settings

LAST_WORDS_SECONDS = 2.0
"""How long a peer may go on sending after our last event: if the connection were closed at once, it would lose that
event.
"""


@dataclass(frozen=True)
class PendingInput:
    """The rest of a request: parts until the end. At most one part waits, which slows down a fast peer."""

    part: str
    end: str
    read: Callable[[Event], Any]
    queue: asyncio.Queue[Any] = field(default_factory=partial(asyncio.Queue, 1))

    async def parts(self) -> AsyncIterator[Any]:
        """The parts, until None."""
        while (part := await self.queue.get()) is not None:
            yield part


class WyomingConnection:
    """Serves a peer until it leaves, makes an error or is idle for too long."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, services: Services, settings: Settings
    ) -> None:
        self._reader, self._writer = reader, writer
        self._services, self._settings = services, settings
        self._task: asyncio.Task[None] | None = None
        self._turn: asyncio.Task[None] | None = None
        self._pending: PendingInput | None = None
        self._transcribe_data: Data = {}
        self._is_last_turn = False

    async def run(self) -> None:
        """Serve the whole connection; a cancelled one ends at once."""
        self._task = asyncio.current_task()
        try:
            async with asyncio.TaskGroup() as turns:
                await self._serve(turns)
        except* ConnectionError:
            pass  # the peer has left
        except* Exception as failed:
            await self._refuse(_first(failed))
        finally:
            await self._close()

    def finish(self) -> None:
        """Finish the current answer, and accept no more requests."""
        self._is_last_turn = True
        if self._task and not self._is_busy:
            self._task.cancel()

    @property
    def _is_busy(self) -> bool:
        return self._turn is not None and not self._turn.done()

    async def _serve(self, turns: asyncio.TaskGroup) -> None:
        while (event := await self._next_event()) is not None:
            await self._handle(event, turns)
        if self._turn:
            self._turn.cancel()

    async def _next_event(self) -> Event | None:
        """The next event. The peer may be silent while an answer is sent."""
        reading = asyncio.ensure_future(events.read(self._reader))
        try:
            while True:
                done, _ = await asyncio.wait([reading], timeout=self._settings.idle_seconds)
                if done:
                    return reading.result()
                if not self._is_busy:
                    raise TimeoutError
        finally:
            reading.cancel()
            await asyncio.wait([reading])

    async def _handle(self, event: Event, turns: asyncio.TaskGroup) -> None:
        match event.type:
            case "describe":
                await self._write(await describe(self._services))
            case "ping":
                await self._write(Event("pong", {"text": fields.text(event.data, "text") or None}))
            case "synthesize" if self._pending and self._pending.end == "synthesize-stop":
                pass  # all of the streamed text once more, for servers that know no streams
            case "synthesize" | "synthesize-start" | "transcribe" | "audio-start":
                await self._request(event, turns)
            case "synthesize-chunk" | "synthesize-stop" | "audio-chunk" | "audio-stop":
                await self._follow(event)
            case _:
                pass  # the protocol says that servers ignore unknown events

    async def _request(self, event: Event, turns: asyncio.TaskGroup) -> None:
        """Begin an answer, after the one before it has ended."""
        if self._pending:
            raise InvalidField(event.type, f"{event.type} must wait for {self._pending.end}.", "OUT_OF_ORDER")
        if self._turn:
            await asyncio.wait([self._turn])
        if event.type == "transcribe":
            self._transcribe_data = event.data
        else:
            self._turn = turns.create_task(self._answer(self._answers(event)))

    def _answers(self, event: Event) -> AsyncGenerator[Event]:
        seconds = self._settings.turn_seconds
        match event.type:
            case "synthesize":
                return speaking.speak(event.data, self._services, seconds)
            case "synthesize-start":
                self._pending = PendingInput("synthesize-chunk", "synthesize-stop", speaking.piece)
                return speaking.converse(event.data, self._pending.parts(), self._services, seconds)
            case _:
                audio_format = transcribing.sample_format(event.data)
                data, self._transcribe_data = self._transcribe_data, {}
                self._pending = PendingInput("audio-chunk", "audio-stop", partial(transcribing.samples, audio_format))
                return transcribing.transcribe(data, audio_format, self._pending.parts(), self._services, seconds)

    async def _follow(self, event: Event) -> None:
        """Hand on a part of the request, or its end."""
        pending = self._pending
        if pending is None or event.type not in (pending.part, pending.end):
            first = "audio-start" if event.type.startswith("audio") else "synthesize-start"
            raise InvalidField(event.type, f"{event.type} must come after {first}.", "OUT_OF_ORDER")
        if event.type == pending.part:
            await pending.queue.put(pending.read(event))
        else:
            self._pending = None
            await pending.queue.put(None)

    async def _answer(self, answers: AsyncGenerator[Event]) -> None:
        async with asyncio.timeout(self._settings.turn_seconds), aclosing(answers):
            async for event in answers:
                await self._write(event)
        if self._is_last_turn and self._task:
            self._task.cancel()

    async def _write(self, event: Event) -> None:
        """Raises TimeoutError when the peer does not read, OSError when it has left."""
        self._writer.write(events.write(event))
        async with asyncio.timeout(self._settings.idle_seconds):
            await self._writer.drain()

    async def _refuse(self, error: Exception) -> None:
        """Send the error, then read and discard what the peer still sends until it closes."""
        with suppress(OSError):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                self._writer.write(events.write(failures.error_event(error)))
                self._writer.write_eof()
                while await self._reader.read(events.MAX_HEADER_BYTES):
                    pass

    async def _close(self) -> None:
        """Close after everything is sent; a peer that does not read is cut off."""
        self._writer.close()
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await self._writer.wait_closed()
        except OSError:
            self._writer.transport.abort()
        except asyncio.CancelledError:
            self._writer.transport.abort()
            raise


def _first(failed: ExceptionGroup[Exception]) -> Exception:
    error = failed.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error
