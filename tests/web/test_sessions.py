"""Several Realtime sessions, their bound, and what is left of those that break off."""

import asyncio
import base64
import contextlib
import json

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from .conftest import MAX_SESSIONS, RATE_HZ

LONGEST_SECONDS = 60
TEXT = "The old man walked slowly to the market. He bought bread and milk for his family. " * 20
ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": TEXT}]}
NOISE = base64.b64encode(bytes(2 * RATE_HZ)).decode()


@pytest.fixture
def opened(running):
    """Opens a session at once."""
    return lambda: connect(f"ws://{running.gateway}/v1/realtime?model=gpt-realtime")


async def opened_when_free(opened):
    """A session, as soon as one is free."""
    async with asyncio.timeout(LONGEST_SECONDS):
        while True:
            with contextlib.suppress(InvalidStatus):
                return await opened()


async def send(websocket, **event):
    await websocket.send(json.dumps(event))


async def until(websocket, kind):
    async for frame in websocket:
        event = json.loads(frame)
        if event["type"] == kind:
            return event
    raise AssertionError(kind)


async def in_flight(address):
    """How many calls of the service run now, health checks left out."""
    async with httpx.AsyncClient() as http:
        lines = (await http.get(f"http://{address}/metrics")).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("voicebox_rpcs_running"))


async def test_one_too_many_is_refused_and_what_breaks_off_is_freed(opened, running, metrics):
    sessions = [await opened_when_free(opened) for _ in range(MAX_SESSIONS)]
    with pytest.raises(InvalidStatus) as raised:
        await opened()
    assert raised.value.response.status_code == 429
    assert json.loads(raised.value.response.body)["error"]["code"] == "rate_limit_exceeded"
    for session in sessions:  # each in the middle of hearing and of speaking
        await send(session, type="input_audio_buffer.append", audio=NOISE)
        await send(session, type="conversation.item.create", item=ITEM)
        await send(session, type="response.create")
        await until(session, "response.output_audio.delta")
    assert [await in_flight(address) for address in metrics] == [MAX_SESSIONS, MAX_SESSIONS]
    for session in sessions:
        session.transport.abort()
    async with asyncio.timeout(LONGEST_SECONDS):
        while any([await in_flight(address) for address in metrics]):
            await asyncio.sleep(0.05)
    again = await opened_when_free(opened)
    await again.close()


async def test_two_sessions_do_not_affect_each_other(opened):
    one, other = await opened_when_free(opened), await opened_when_free(opened)
    async with one, other:
        for session, text in ((one, "First."), (other, "Second.")):
            item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
            await send(session, type="conversation.item.create", item=item)
            await send(session, type="response.create")
        async with asyncio.timeout(LONGEST_SECONDS):
            told = [await until(session, "response.output_audio_transcript.done") for session in (other, one)]
    assert [event["transcript"] for event in told] == ["Second.", "First."]


async def test_a_browser_offers_its_subprotocol(running):
    async with connect(
        f"ws://{running.gateway}/v1/realtime", subprotocols=["realtime", "openai-insecure-api-key.x"]
    ) as session:
        assert session.subprotocol == "realtime"
        assert json.loads(await session.recv())["type"] == "session.created"


async def test_binary_frames_are_events_too_and_garbage_is_an_error(opened):
    session = await opened_when_free(opened)
    async with session:
        await session.send(b"\xff\xfe\x00")
        assert (await until(session, "error"))["error"]["code"] == "invalid_json"
        await session.send(b'{"type": "input_audio_buffer.clear"}')
        assert await until(session, "input_audio_buffer.cleared")


async def test_a_frame_that_is_too_large_ends_the_session_alone(opened):
    session = await opened_when_free(opened)
    with contextlib.suppress(Exception):
        await session.send("x" * (17 * 1024 * 1024))
        async with asyncio.timeout(LONGEST_SECONDS):
            async for _ in session:
                pass
    assert session.close_code == 1009
    again = await opened_when_free(opened)
    await again.close()
