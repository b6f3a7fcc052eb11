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
from voicebox_compat import openai_names
from voicebox_compat.openai import Diagnostics
from voicebox_kit.errors import InvalidField

from . import client_secrets, events, session, sessions
from .errors import ApiError, from_field_error, from_rpc_error
from .items import Items
from .services import Metadata, Services, metadata
from .speaking import SpokenResponse
from .transcribing import BYTES_PER_MS, RecognitionStream, without_unsupported_hints
from .values import as_object, number, text

MAX_PIECE_BYTES = 15 * 1024 * 1024
MIN_COMMIT_MS = 100
"""Both are OpenAI's own."""

MAX_RECOGNITION_STREAMS = 4
"""Streams to asr of one client at once: the committed ones, and the current one. Further audio waits."""

MAX_TEXTS, MAX_CHARACTERS = 100, 10_000
"""Texts that wait to be spoken; tts accepts 10,000 characters in one call."""

LONGEST_MS = 1000 * session.LONGEST_SESSION_SECONDS
RESPONSE = frozenset({"input", "instructions", "audio", "output_modalities", "conversation", "metadata"})
"""Fields of a response that have a meaning without a language model."""

SUBPROTOCOL = "realtime"
"""Browsers cannot send headers: they offer this subprotocol, and one that has their key."""

Event = Mapping[str, Any]


async def converse(websocket: WebSocket) -> None:
    """Serve one client, until it leaves or its hour is over."""
    places: sessions.Sessions = websocket.app.state.sessions
    own = sessions.caller_of(websocket)
    if not places.has_room(own):
        await websocket.send_denial_response(sessions.FULL.response({"retry-after": "1"}))
        return
    try:
        settings = client_secrets.find_settings(websocket.headers, websocket.scope["subprotocols"])
        client_secrets.new_session(settings, "", Diagnostics())
    except client_secrets.Expired:
        expired = ApiError(401, "The client secret has expired: make another one.", "invalid_api_key")
        await websocket.send_denial_response(expired.response())
        return
    except InvalidField as error:
        await websocket.send_denial_response(from_field_error(error).response())
        return
    try:
        async with places.place(own) as place:
            await websocket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in websocket.scope["subprotocols"] else None)
            await _converse(websocket, settings, place)
    except sessions.Displaced:
        with suppress(WebSocketDisconnect):
            await websocket.close(sessions.TRY_AGAIN_LATER, "At capacity: another caller's session took this place.")


async def _converse(websocket: WebSocket, settings: Event, place: sessions.Place) -> None:
    try:
        async with asyncio.timeout(session.LONGEST_SESSION_SECONDS), asyncio.TaskGroup() as tasks:
            await RealtimeConnection(websocket, tasks, settings, place).serve()
    except* WebSocketDisconnect:
        pass
    except* TimeoutError:
        with suppress(WebSocketDisconnect):
            await websocket.close(1001, "The session has reached its limit of one hour: connect again.")


class RealtimeConnection:
    """One client's session: its audio on the way to asr, and the response that is spoken."""

    def __init__(self, websocket: WebSocket, tasks: asyncio.TaskGroup, settings: Event, place: sessions.Place) -> None:
        """`settings` are those that came with the client's key."""
        self._place = place
        query = websocket.query_params
        model = query.get("model", "")
        transcribes = query.get("intent") == "transcription" or openai_names.TRANSCRIPTION.fullmatch(model) is not None
        self._websocket, self._tasks = websocket, tasks
        self._settings: Event = {"type": "transcription", **settings} if transcribes else settings
        self._services: Services = websocket.app.state.services
        self._caller: Metadata = metadata(websocket.headers)
        self._diagnostics = Diagnostics()
        self._session = client_secrets.new_session(self._settings, "" if transcribes else model, self._diagnostics)
        self._input_settings = session.input_settings(self._session)
        self._items = Items()
        self._stream: RecognitionStream | None = None
        self._free_streams = asyncio.Semaphore(MAX_RECOGNITION_STREAMS)
        self._received_bytes = 0
        self._texts: dict[str, str] = {}
        self._answer: tuple[SpokenResponse, asyncio.Task[None]] | None = None
        self._handlers: Mapping[str, Callable[[Event], Awaitable[None]]] = {
            "session.update": self._update,
            "transcription_session.update": self._update_beta,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.delete": self._delete_item,
            "conversation.item.truncate": self._truncate_item,
            "output_audio_buffer.clear": self._clear_output,
            "response.create": self._respond,
            "response.cancel": self._cancel,
        }

    async def serve(self) -> None:
        """Take events until the client leaves: WebSocketDisconnect."""
        await self._begin()
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message["code"])
            self._place.touch()
            await self._take(message.get("text") or message.get("bytes") or "")

    async def _begin(self) -> None:
        """Create the session first; then send asr's error about the settings in the key, if there is one."""
        api_error = None
        if self._settings:
            try:
                self._input_settings = await without_unsupported_hints(
                    self._services, self._caller, self._input_settings, self._diagnostics
                )
            except grpc.aio.AioRpcError as error:
                api_error = from_rpc_error(error)
        await self._send("session.created", session=self._session, **self._diagnostics.fields)
        if api_error:
            await events.send_error(self._send, api_error)

    async def _take(self, frame: str | bytes) -> None:
        given: Any = {}
        try:
            given = as_object(_parsed(frame), "event")
            kind = text(given, "type", "event")
            await self._handlers.get(kind, self._unknown)(given)
        except (InvalidField, grpc.aio.AioRpcError) as error:
            api_error = from_field_error(error) if isinstance(error, InvalidField) else from_rpc_error(error)
            await events.send_error(self._send, api_error, given.get("event_id") if isinstance(given, dict) else None)

    async def _send(self, kind: str, /, **fields: Any) -> None:
        self._items.note(kind, fields)
        if "previous_item_id" in fields:
            fields["previous_item_id"] = self._items.before(fields.get("item_id") or fields["item"]["id"])
        # In ASCII: a client's half of a surrogate pair that comes back in an event has no UTF-8.
        await self._websocket.send_text(json.dumps({"type": kind, "event_id": events.new_id("event"), **fields}))

    async def _unknown(self, event: Event) -> None:
        known = ", ".join(self._handlers)
        raise InvalidField(
            "type", f"type must be one of {known}, not {event.get('type', '')[:100]!r}.", "INVALID_VALUE"
        )

    # --- the session ---

    async def _update(self, event: Event, answer: str = "session.updated") -> None:
        diagnostics = Diagnostics()
        changed = session.updated(self._session, event.get("session"), diagnostics)
        settings = session.input_settings(changed)
        if settings != session.input_settings(self._session):
            self._input_settings = await without_unsupported_hints(self._services, self._caller, settings, diagnostics)
            if self._stream:
                ended, self._stream = self._stream, None
                await ended.end()
        self._session = changed
        await self._send(answer, session=self._session, **diagnostics.fields)

    async def _update_beta(self, event: Event) -> None:
        await self._update(event, "transcription_session.updated")

    # --- input audio ---

    async def _append(self, event: Event) -> None:
        audio = _audio(event)
        if self._stream is None or self._stream.ended:
            await self._free_streams.acquire()
            begin_ms = self._received_bytes // BYTES_PER_MS
            self._stream = RecognitionStream(self._services, self._caller, self._input_settings, self._send, begin_ms)
            self._tasks.create_task(self._follow(self._stream))
            await self._stream.open()
        self._received_bytes += len(audio)
        await self._stream.append(audio)

    async def _follow(self, stream: RecognitionStream) -> None:
        try:
            await stream.follow(self._interrupt)
        finally:
            self._free_streams.release()

    async def _commit(self, event: Event) -> None:
        if self._stream is None or self._stream.bytes < MIN_COMMIT_MS * BYTES_PER_MS:
            has_ms = self._stream.bytes / BYTES_PER_MS if self._stream else 0
            sentence = f"The buffer holds {has_ms:g} ms of audio: it must be at least {MIN_COMMIT_MS} ms."
            raise InvalidField("", sentence, "INPUT_AUDIO_BUFFER_COMMIT_EMPTY")
        committed, self._stream = self._stream, None
        await committed.commit()

    async def _clear(self, event: Event) -> None:
        if self._stream:
            dropped, self._stream = self._stream, None
            await dropped.drop()
        await self._send("input_audio_buffer.cleared")

    # --- texts and responses ---

    async def _create_item(self, event: Event) -> None:
        item = as_object(event.get("item"), "item")
        written = _written(item, "item")
        if len(self._texts) == MAX_TEXTS or sum(map(len, self._texts.values())) + len(written) > MAX_CHARACTERS:
            raise InvalidField(
                "item.content",
                f"At most {MAX_TEXTS} items of {MAX_CHARACTERS} characters in all may wait to be spoken.",
            )
        item_id = text(item, "id", "item") or events.new_id("item")
        self._texts[item_id] = written
        await events.add_item(self._send, events.user_item(item_id, {"type": "input_text", "text": written}))

    async def _retrieve_item(self, event: Event) -> None:
        await self._send("conversation.item.retrieved", item=self._items.find(text(event, "item_id", "event")))

    async def _delete_item(self, event: Event) -> None:
        item_id = text(event, "item_id", "event")
        self._items.delete(item_id)
        self._texts.pop(item_id, None)  # a waiting text is not spoken any more
        await self._send("conversation.item.deleted", item_id=item_id)

    async def _truncate_item(self, event: Event) -> None:
        item_id, end_ms = text(event, "item_id", "event"), number(event, "audio_end_ms", "event", 0, LONGEST_MS, 0)
        self._items.truncate(item_id)
        await self._send("conversation.item.truncated", item_id=item_id, content_index=0, audio_end_ms=round(end_ms))

    async def _clear_output(self, event: Event) -> None:
        """Stop the response that is spoken."""
        response_id = self._answer[0].response_id if self._answer else None
        await self._stop("client_cancelled")
        await self._send("output_audio_buffer.cleared", response_id=response_id)

    async def _respond(self, event: Event) -> None:
        if self._session["type"] != "realtime":
            raise InvalidField("type", "A transcription session does not speak.", "INVALID_VALUE")
        if self._answer and not self._answer[1].done():
            raise InvalidField(
                "", "A response is being spoken: cancel it first.", "CONVERSATION_ALREADY_HAS_ACTIVE_RESPONSE"
            )
        response = as_object(event.get("response") or {}, "response")
        diagnostics = Diagnostics()
        session.ignore_unknown(response, RESPONSE, "response", diagnostics)
        speech = session.speech(self._session, response, "response")
        own = response.get("input") is None
        texts = list(self._texts.values()) if own else _inputs(response["input"])
        if not any(each.strip() for each in texts):
            raise InvalidField(
                "input", "There is no text to speak: create an item with a text first.", "MISSING_REQUIRED_PARAMETER"
            )
        answer = SpokenResponse(self._services, self._caller, "\n".join(texts), speech, diagnostics, self._send)
        if own:
            self._texts = {}
        self._answer = answer, self._tasks.create_task(answer.speak())

    async def _cancel(self, event: Event) -> None:
        if not await self._stop("client_cancelled"):
            raise InvalidField("", "There is no response to cancel.", "RESPONSE_CANCEL_NOT_ACTIVE")

    async def _interrupt(self) -> None:
        if self._input_settings.interrupts:
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
    encoded = text(event, "audio", "event")
    if len(encoded) > MAX_PIECE_BYTES:
        raise InvalidField("audio", f"A piece of audio may have {MAX_PIECE_BYTES} bytes at most.", "AUDIO_TOO_LARGE")
    try:
        audio = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidField("audio", "audio must be base64.") from None
    if len(audio) % 2:
        raise InvalidField("audio", "audio must be whole samples of 16 bits.")
    return audio


def _inputs(given: object) -> list[str]:
    if not isinstance(given, list) or len(given) > MAX_TEXTS:
        raise InvalidField(
            "response.input", f"response.input must be a list of at most {MAX_TEXTS} items.", "INVALID_TYPE"
        )
    return [_written(as_object(item, "response.input"), "response.input") for item in given]


def _written(item: Mapping[str, Any], path: str) -> str:
    """The text of a message; nothing else can be spoken."""
    content = item.get("content")
    if item.get("type") != "message" or not isinstance(content, list):
        raise InvalidField(f"{path}.type", "Only messages with a content can be spoken.", "UNSUPPORTED_VALUE")
    texts = []
    for part in content:
        fields = as_object(part, f"{path}.content")
        if fields.get("type") not in ("input_text", "output_text"):
            raise InvalidField(
                f"{path}.content",
                "The content must be text; audio goes to the input audio buffer.",
                "UNSUPPORTED_VALUE",
            )
        texts.append(text(fields, "text", f"{path}.content"))
    return "\n".join(texts)
