"""OpenAI's Realtime API on one WebSocket: what the client's events do.

https://platform.openai.com/docs/api-reference/realtime-client-events
"""

import asyncio
import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, NoReturn

import grpc
from starlette.websockets import WebSocket, WebSocketDisconnect
from voicebox_kit.errors import InvalidField

from . import events, session
from .refusals import Refusal, of_field, of_rpc
from .services import Metadata, Services, metadata
from .speaking import Answer
from .transcribing import BYTES_PER_MS, Stretch, check

MOST_PIECE_BYTES = 15 * 1024 * 1024
LEAST_COMMIT_MS = 100
"""Both are OpenAI's own."""

MOST_STRETCHES = 4
"""So many stretches of one client's audio are heard at once: the committed ones, and the one that grows. Audio that comes then waits."""

MOST_TEXTS, MOST_CHARACTERS = 100, 10_000
"""What may wait to be spoken; tts takes 10,000 characters at once."""

SUBPROTOCOL = "realtime"
"""Browsers, which can send no headers, offer it beside one that holds their key."""

Event = Mapping[str, Any]


async def converse(websocket: WebSocket) -> None:
    """Serve one client, until it leaves or its hour is over."""
    free: asyncio.Semaphore = websocket.app.state.free_sessions
    if free.locked():
        full = Refusal(429, "All sessions are taken: try again soon.", "rate_limit_exceeded")
        await websocket.send_denial_response(full.response({"retry-after": "1"}))
        return
    async with free:
        await websocket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in websocket.scope["subprotocols"] else None)
        try:
            async with asyncio.timeout(session.LONGEST_SESSION_SECONDS), asyncio.TaskGroup() as tasks:
                await Connection(websocket, tasks).serve()
        except* WebSocketDisconnect:
            pass
        except* TimeoutError:
            with suppress(WebSocketDisconnect):
                await websocket.close(1001, "The session's hour is over: connect anew.")


class Connection:
    """One client's session, its audio on the way to asr, and the answer that is spoken to it."""

    def __init__(self, websocket: WebSocket, tasks: asyncio.TaskGroup) -> None:
        query = websocket.query_params
        kind = "transcription" if query.get("intent") == "transcription" else "realtime"
        self._websocket, self._tasks = websocket, tasks
        self._services: Services = websocket.app.state.services
        self._caller: Metadata = metadata(websocket.headers)
        self._session = session.new(kind, query.get("model", "gpt-realtime"))
        self._stretch: Stretch | None = None
        self._free_stretches = asyncio.Semaphore(MOST_STRETCHES)
        self._heard_bytes = 0
        self._texts: list[str] = []
        self._answer: tuple[Answer, asyncio.Task[None]] | None = None
        self._handlers: Mapping[str, Callable[[Event], Awaitable[None]]] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": self._create_item,
            "response.create": self._respond,
            "response.cancel": self._cancel,
        }

    async def serve(self) -> None:
        """Take events until the client leaves: WebSocketDisconnect."""
        await self._send("session.created", session=self._session)
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message["code"])
            await self._take(message.get("text") or message.get("bytes") or "")

    async def _take(self, frame: str | bytes) -> None:
        given: Any = {}
        try:
            given = session.as_object(_parsed(frame), "event")
            kind = session.text(given, "type", "event")
            await self._handlers.get(kind, self._unknown)(given)
        except (InvalidField, grpc.aio.AioRpcError) as error:
            refusal = of_field(error) if isinstance(error, InvalidField) else of_rpc(error)
            await events.refuse(self._send, refusal, given.get("event_id") if isinstance(given, dict) else None)

    async def _send(self, kind: str, /, **fields: Any) -> None:
        # In ASCII: a client's half of a surrogate pair that comes back in an event has no UTF-8.
        await self._websocket.send_text(json.dumps({"type": kind, "event_id": events.new_id("event"), **fields}))

    async def _unknown(self, event: Event) -> None:
        known = ", ".join(self._handlers)
        raise InvalidField("type", f"type must be one of {known}, not {event.get('type', '')[:100]!r}.", "INVALID_VALUE")

    # --- the session ---

    async def _update(self, event: Event) -> None:
        changed = session.updated(self._session, event.get("session"))
        if session.hearing(changed) != session.hearing(self._session):
            await check(self._services, self._caller, session.hearing(changed))
            if self._stretch:
                ended, self._stretch = self._stretch, None
                await ended.end()
        self._session = changed
        await self._send("session.updated", session=self._session)

    # --- what is heard ---

    async def _append(self, event: Event) -> None:
        audio = _audio(event)
        if self._stretch is None or self._stretch.ended:
            await self._free_stretches.acquire()
            begin_ms = self._heard_bytes // BYTES_PER_MS
            self._stretch = Stretch(self._services, self._caller, session.hearing(self._session), self._send, begin_ms)
            self._tasks.create_task(self._follow(self._stretch))
            await self._stretch.open()
        self._heard_bytes += len(audio)
        await self._stretch.append(audio)

    async def _follow(self, stretch: Stretch) -> None:
        try:
            await stretch.follow(self._interrupt)
        finally:
            self._free_stretches.release()

    async def _commit(self, event: Event) -> None:
        if self._stretch is None or self._stretch.bytes < LEAST_COMMIT_MS * BYTES_PER_MS:
            has_ms = self._stretch.bytes / BYTES_PER_MS if self._stretch else 0
            sentence = f"The buffer holds {has_ms:g} ms of audio: it must be at least {LEAST_COMMIT_MS} ms."
            raise InvalidField("", sentence, "INPUT_AUDIO_BUFFER_COMMIT_EMPTY")
        committed, self._stretch = self._stretch, None
        await committed.commit()

    async def _clear(self, event: Event) -> None:
        if self._stretch:
            dropped, self._stretch = self._stretch, None
            await dropped.drop()
        await self._send("input_audio_buffer.cleared")

    # --- what is said ---

    async def _create_item(self, event: Event) -> None:
        item = session.as_object(event.get("item"), "item")
        written = _written(item, "item")
        if len(self._texts) == MOST_TEXTS or sum(map(len, self._texts)) + len(written) > MOST_CHARACTERS:
            raise InvalidField("item.content", f"At most {MOST_TEXTS} items of {MOST_CHARACTERS} characters in all may wait to be spoken.")
        self._texts.append(written)
        item_id = session.text(item, "id", "item") or events.new_id("item")
        await events.add_item(self._send, events.user_item(item_id, {"type": "input_text", "text": written}))

    async def _respond(self, event: Event) -> None:
        if self._session["type"] != "realtime":
            raise InvalidField("type", "A transcription session does not speak.", "INVALID_VALUE")
        if self._answer and not self._answer[1].done():
            raise InvalidField("", "An answer is being spoken: cancel it first.", "CONVERSATION_ALREADY_HAS_ACTIVE_RESPONSE")
        response = session.as_object(event.get("response") or {}, "response")
        known = frozenset({"input", "instructions", "audio", "output_modalities", "conversation", "metadata"})
        session.check_names(response, known | session.MODELLESS, "response")
        session.check_modelless(response, "response")
        speech = session.speech(self._session, response, "response")
        texts = self._texts if response.get("input") is None else _inputs(response["input"])
        if not any(each.strip() for each in texts):
            raise InvalidField("input", "There is nothing to speak: create an item with a text first.", "MISSING_REQUIRED_PARAMETER")
        answer = Answer(self._services, self._caller, "\n".join(texts), speech, self._send)
        if texts is self._texts:
            self._texts = []
        self._answer = answer, self._tasks.create_task(answer.speak())

    async def _cancel(self, event: Event) -> None:
        if not await self._stop("client_cancelled"):
            raise InvalidField("", "There is no answer to cancel.", "RESPONSE_CANCEL_NOT_ACTIVE")

    async def _interrupt(self) -> None:
        if session.hearing(self._session).interrupts:
            await self._stop("turn_detected")

    async def _stop(self, reason: str) -> bool:
        """Whether there was an answer to stop."""
        if not self._answer or self._answer[1].done():
            return False
        answer, task = self._answer
        answer.cancel(reason)
        await asyncio.wait([task])
        return True


def _parsed(frame: str | bytes) -> Any:
    def refused(name: str) -> NoReturn:
        raise ValueError(name)

    try:
        return json.loads(frame, parse_constant=refused)
    except (ValueError, RecursionError):
        raise InvalidField("", "An event must be a JSON object.", "INVALID_JSON") from None


def _audio(event: Event) -> bytes:
    encoded = session.text(event, "audio", "event")
    if len(encoded) > MOST_PIECE_BYTES:
        raise InvalidField("audio", f"A piece of audio may have {MOST_PIECE_BYTES} bytes at most.", "AUDIO_TOO_LARGE")
    try:
        audio = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidField("audio", "audio must be base64.") from None
    if len(audio) % 2:
        raise InvalidField("audio", "audio must be whole samples of 16 bits.")
    return audio


def _inputs(given: object) -> list[str]:
    if not isinstance(given, list) or len(given) > MOST_TEXTS:
        raise InvalidField("response.input", f"response.input must be a list of at most {MOST_TEXTS} items.", "INVALID_TYPE")
    return [_written(session.as_object(item, "response.input"), "response.input") for item in given]


def _written(item: Mapping[str, Any], path: str) -> str:
    """The text of a message; nothing else can be spoken."""
    content = item.get("content")
    if item.get("type") != "message" or not isinstance(content, list):
        raise InvalidField(f"{path}.type", "Only messages with a content can be spoken.", "UNSUPPORTED_VALUE")
    texts = []
    for part in content:
        fields = session.as_object(part, f"{path}.content")
        if fields.get("type") not in ("input_text", "output_text"):
            raise InvalidField(f"{path}.content", "The content must be text; audio goes to the input audio buffer.", "UNSUPPORTED_VALUE")
        texts.append(session.text(fields, "text", f"{path}.content"))
    return "\n".join(texts)
