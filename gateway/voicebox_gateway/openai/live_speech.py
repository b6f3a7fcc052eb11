"""The WebSocket of nari-labs' Qwen3-TTS server, `nari.speech.v1`: text in pieces, sound as bare samples.

It is spoken by OpenAI's speech path of tts, with the same names of voices and models, once the text has ended.
https://github.com/nari-labs/nari-qwen3-tts/blob/main/docs/websocket.md
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import grpc
from google.api import httpbody_pb2
from starlette.websockets import WebSocket, WebSocketDisconnect
from voicebox.compat.openai.v1 import openai_pb2
from voicebox_compat.openai import IGNORED_FIELD, IGNORED_HEADER
from voicebox_compat.synthetic import SYNTHETIC_FIELD
from voicebox_kit.errors import InvalidField

from . import sessions
from .errors import ApiError, from_field_error, from_rpc_error
from .events import new_id
from .services import Services, metadata
from .values import as_object, text

PROTOCOL = "nari.speech.v1"
AUDIO = {"encoding": "pcm_s16le", "sample_rate": 24_000, "channels": 1}
MAX_CHARACTERS = 10_000
LONGEST_INPUT_SECONDS = 300.0
"""Of one text, from the connection on: a client that stops sending must not hold a session."""

WRONG, FAILED = 1008, 1011
"""Close codes, RFC 6455, 7.4.1: an error of the client, and an error of the server."""


async def speak(websocket: WebSocket) -> None:
    """Serve one request, and close."""
    if PROTOCOL not in websocket.scope["subprotocols"]:
        api_error = ApiError(
            400, f"This WebSocket speaks {PROTOCOL}: offer it as its subprotocol.", "subprotocol_missing"
        )
        await websocket.send_denial_response(api_error.response())
        return
    places: sessions.Sessions = websocket.app.state.sessions
    own = sessions.caller_of(websocket)
    if not places.has_room(own):
        await websocket.send_denial_response(sessions.FULL.response({"retry-after": "1"}))
        return
    with suppress(WebSocketDisconnect, sessions.Displaced):
        async with places.place(own):
            await websocket.accept(subprotocol=PROTOCOL)
            await _serve(websocket)


async def _serve(websocket: WebSocket) -> None:
    try:
        async with asyncio.timeout(LONGEST_INPUT_SECONDS):
            body = await _received(websocket)
        await _spoken(websocket, body)
    except InvalidField as error:
        await _refuse(websocket, from_field_error(error), WRONG)
    except TimeoutError:
        await _refuse(websocket, ApiError(408, "The text did not end in time.", "request_timeout"), WRONG)
    except grpc.aio.AioRpcError as error:
        api_error = from_rpc_error(error)
        await _refuse(websocket, api_error, FAILED if api_error.status >= 500 else WRONG)
    else:
        await websocket.close(1000)


async def _received(websocket: WebSocket) -> Mapping[str, Any]:
    """The speech request that the client's events make."""
    await _send(websocket, "session.created", session_id=new_id("sess"), protocol=PROTOCOL, audio=AUDIO)
    start = await _event(websocket, "request.start")
    await _send(websocket, "request.configured")
    pieces: list[str] = []
    while True:
        event = await _event(websocket, "input_text.append", "input_text.end")
        kind, sequence = event["type"], event.get("sequence")
        if sequence != len(pieces):
            raise InvalidField(
                "sequence", f"sequence must be {len(pieces)}: pieces are counted from 0.", "INVALID_VALUE"
            )
        if kind == "input_text.append":
            pieces.append(text(event, "text", "event"))
            if sum(map(len, pieces)) > MAX_CHARACTERS:
                raise InvalidField("text", f"The text may have {MAX_CHARACTERS} characters.", "TEXT_TOO_LONG")
        await _send(websocket, "input_text.ack", event=kind, sequence=sequence)
        if kind == "input_text.end":
            settings = {name: value for name, value in start.items() if name != "type"}
            return {**settings, "input": "".join(pieces), "response_format": "pcm", "stream_format": "audio"}


async def _spoken(websocket: WebSocket, body: Mapping[str, Any]) -> None:
    services: Services = websocket.app.state.services
    request_id, chunks = new_id("req"), 0
    body_message = httpbody_pb2.HttpBody(content_type="application/json", data=json.dumps(body).encode())
    call = services.speech.CreateSpeech(
        iter([openai_pb2.CreateSpeechRequest(body=body_message)]), metadata=metadata(websocket.headers)
    )
    try:
        async for answer in call:
            if not chunks:
                pairs: Any = await call.initial_metadata() or ()
                names = dict(pairs).get(IGNORED_HEADER, "")
                ignored = {IGNORED_FIELD: names.split(", ")} if names else {}
                said = {SYNTHETIC_FIELD: True, **ignored}
                await _send(websocket, "response.started", request_id=request_id, audio=AUDIO, **said)
            await websocket.send_bytes(answer.body.data)
            chunks += 1
    finally:
        call.cancel()
    await _send(websocket, "response.done", request_id=request_id, stop_reason="stop", audio_chunks=chunks)


async def _event(websocket: WebSocket, *kinds: str) -> Mapping[str, Any]:
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"])
    try:
        event = as_object(json.loads(message.get("text") or message.get("bytes") or ""), "event")
    except (ValueError, RecursionError):
        raise InvalidField("", "An event must be a JSON object.", "INVALID_JSON") from None
    if event.get("type") not in kinds:
        raise InvalidField("type", f"type must be {' or '.join(kinds)} here.", "INVALID_VALUE")
    return event


async def _send(websocket: WebSocket, kind: str, /, **fields: Any) -> None:
    await websocket.send_text(json.dumps({"type": kind, **fields}))


async def _refuse(websocket: WebSocket, api_error: ApiError, code: int) -> None:
    await _send(websocket, "error", error=api_error.error)
    await websocket.close(code)
