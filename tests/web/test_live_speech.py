"""The WebSocket that tts_bench speaks with its target nari: recorded from its command at a2d65e1, word by word."""

import json
import re

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

PROTOCOL = "nari.speech.v1"
AUDIO = {"encoding": "pcm_s16le", "sample_rate": 24_000, "channels": 1}
START = {
    "type": "request.start",
    "model": "Qwen/Qwen3-TTS-12Hz-1.7B-CustomVoice",
    "voice": "Ryan",
    "language": "English",
    "response_format": "pcm",
}
APPEND = {"type": "input_text.append", "sequence": 0, "text": "x"}
TEXT = "We asked over twenty different people, and they all said it was his."


def opened(running):
    return connect(f"ws://{running.gateway}/v1/audio/speech/ws", subprotocols=[PROTOCOL])


async def send(websocket, **event):
    await websocket.send(json.dumps(event))


async def receive(websocket, kind):
    event = json.loads(await websocket.recv())
    assert event["type"] == kind, event
    return event


async def test_words_are_acknowledged_and_spoken(running):
    async with opened(running) as websocket:
        assert websocket.subprotocol == PROTOCOL
        created = await receive(websocket, "session.created")
        assert (created["protocol"], created["audio"]) == (PROTOCOL, AUDIO)
        await send(websocket, **START)
        await receive(websocket, "request.configured")
        words = re.findall(r"\S+\s*", TEXT)
        for sequence, word in enumerate(words):
            await send(websocket, type="input_text.append", sequence=sequence, text=word)
            acknowledged = await receive(websocket, "input_text.ack")
            assert (acknowledged["event"], acknowledged["sequence"]) == ("input_text.append", sequence)
        await send(websocket, type="input_text.end", sequence=len(words))
        assert (await receive(websocket, "input_text.ack"))["event"] == "input_text.end"
        started = await receive(websocket, "response.started")
        assert started["x_voicebox_synthetic"] is True
        assert started["audio"] == AUDIO
        assert started["x_voicebox_ignored"] == ["model", "voice"]
        chunks = []
        while isinstance(message := await websocket.recv(), bytes):
            chunks.append(message)
        done = json.loads(message)
        assert (done["type"], done["request_id"], done["stop_reason"]) == (
            "response.done",
            started["request_id"],
            "stop",
        )
        assert done["audio_chunks"] == len(chunks) > 0
        assert len(b"".join(chunks)) > 48_000
        with pytest.raises(ConnectionClosed) as closed:
            await websocket.recv()
        assert closed.value.rcvd.code == 1000


@pytest.mark.parametrize(
    ("events", "code"),
    [
        (["{"], "invalid_json"),
        (["[]"], "invalid_type"),
        ([b"\xff"], "invalid_json"),
        ([{"type": "input_text.end"}], "invalid_value"),
        ([START, {"type": "input_text.append", "sequence": 1, "text": "x"}], "invalid_value"),
        ([START, {"type": "input_text.append", "sequence": 0, "text": "\ud800"}], "invalid_value"),
        ([START, {"type": "input_text.append", "sequence": 0, "text": "x" * 10_001}], "text_too_long"),
        ([START, {"type": "input_text.end", "sequence": 0}], "text_empty"),
        ([{**START, "voice": "nobody"}, APPEND, {"type": "input_text.end", "sequence": 1}], "voice_not_found"),
    ],
)
async def test_what_cannot_be_is_an_error_event_and_the_end(running, events, code):
    async with opened(running) as websocket:
        for event in events:
            await websocket.send(event if isinstance(event, str | bytes) else json.dumps(event))
        told = []
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                told.append(json.loads(await websocket.recv()))
    assert (told[-1]["type"], told[-1]["error"]["code"]) == ("error", code)
    assert closed.value.rcvd.code == 1008


async def test_another_protocol_and_no_upgrade_are_refused(running, http):
    with pytest.raises(InvalidStatus) as raised:
        await connect(f"ws://{running.gateway}/v1/audio/speech/ws")
    assert raised.value.response.status_code == 400
    assert http.get("/v1/audio/speech/ws").status_code == 426


async def test_a_foreign_page_is_refused(running):
    with pytest.raises(InvalidStatus) as raised:
        await connect(
            f"ws://{running.gateway}/v1/audio/speech/ws", subprotocols=[PROTOCOL], origin="https://foreign.example"
        )
    assert raised.value.response.status_code == 403
