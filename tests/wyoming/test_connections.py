"""Peers that are hostile, slow, too many, or gone."""

import asyncio
import json

import pytest
from voicebox_gateway.wyoming import events
from voicebox_gateway.wyoming.events import Event
from voicebox_kit.errors import InvalidField, StartError
from voicebox_tts import app as tts_app

from .conftest import bridge_to

BEGUN = events.write(Event("synthesize-start")) + events.write(
    Event("synthesize-chunk", {"text": "The ships came home. And"})
)
"""A conversation whose first sentence is spoken while its second is still being written."""

HEADERS = {
    "garbage": b"\x00\xff\xfe garbage\n",
    "no object": b"[1]\n",
    "no type": b"{}\n",
    "type is a number": b'{"type": 1}\n',
    "data is a list": b'{"type": "ping", "data": [1]}\n',
    "deep": b"[" * 60_000 + b"\n",
    "endless line": b"a" * 300_000,
    "huge payload": b'{"type": "audio-chunk", "payload_length": 1000000000000}\n',
    "huge data": b'{"type": "ping", "data_length": 1000000000000}\n',
    "negative": b'{"type": "ping", "data_length": -1}\n',
    "not whole": b'{"type": "ping", "payload_length": 1.5}\n',
    "true": b'{"type": "ping", "payload_length": true}\n',
    "data that are no JSON": b'{"type": "ping", "data_length": 3}\nabc',
    "huge number": b'{"type": "ping", "payload_length": ' + b"9" * 5000 + b"}\n",
    "text is a number": b'{"type": "ping", "data": {"text": 1}}\n',
    "voice is a list": b'{"type": "synthesize", "data": {"text": "Hi.", "voice": [1]}}\n',
    "rate is a text": b'{"type": "audio-start", "data": {"rate": "16000", "width": 2, "channels": 1}}\n',
    "rate is nothing": b'{"type": "audio-start", "data": {"rate": NaN, "width": 2, "channels": 1}}\n',
    "names are texts": b'{"type": "audio-start", "data": {"rate": 16000, "width": 2, "channels": 1}}\n{"type": '
    b'"audio-chunk"}\n',
}


@pytest.mark.parametrize("sent", HEADERS.values(), ids=HEADERS)
async def test_what_is_no_event_is_reported_and_ends_the_connection(bridge, sent):
    reader, writer = await asyncio.open_connection(*bridge.address)
    writer.write(sent)
    reported = await events.read(reader)
    assert reported is not None
    assert reported.type == "error"
    assert reported.data["code"] in ("BAD_EVENT", "EVENT_TOO_LARGE", "INVALID_FIELD")
    assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize(
    "event", [Event("ping"), Event("ping", {"text": "é"}), Event("audio-chunk", {"rate": 1}, b"\n\x00")]
)
async def test_events_come_back_as_they_were_written(event):
    assert await read(events.write(event)) == event


async def test_data_of_the_line_and_after_it_are_joined():
    more = json.dumps({"b": 2}).encode()
    line = json.dumps({"type": "t", "data": {"a": 1, "b": 1}, "data_length": len(more)}).encode()
    assert await read(line + b"\n" + more) == Event("t", {"a": 1, "b": 2})


@pytest.mark.parametrize("cut", [0, 5, -1])
async def test_a_peer_that_goes_within_an_event_is_gone(cut):
    assert await read(events.write(Event("t", {"a": 1}, b"abc"))[:cut]) is None


async def test_nothing_is_read_beyond_the_limit():
    """The error comes before a byte of the payload does."""
    reader = asyncio.StreamReader(limit=events.MAX_HEADER_BYTES)
    reader.feed_data(b'{"type": "t", "payload_length": 1048577}\n')
    with pytest.raises(InvalidField, match="1048576"):
        await events.read(reader)


async def read(data):
    reader = asyncio.StreamReader(limit=events.MAX_HEADER_BYTES)
    reader.feed_data(data)
    reader.feed_eof()
    return await events.read(reader)


async def test_an_unknown_event_is_dropped(bridge):
    reader, writer = await asyncio.open_connection(*bridge.address)
    writer.write(events.write(Event("run-pipeline", {"start_stage": "asr"}, b"x")) + events.write(Event("ping")))
    assert (await events.read(reader)).type == "pong"
    writer.close()


async def test_one_peer_too_many_is_reported(running, python):
    async with bridge_to(running, python, WYOMING_MAX_CONNECTIONS="1") as bridge:
        first = await asyncio.open_connection(*bridge.address)
        first[1].write(events.write(Event("ping")))
        await events.read(first[0])
        reader, writer = await asyncio.open_connection(*bridge.address)
        assert (await events.read(reader)).data["code"] == "TOO_MANY_CONNECTIONS"
        first[1].close()
        writer.close()


async def test_an_idle_peer_is_let_go(running, python):
    async with bridge_to(running, python, WYOMING_IDLE_SECONDS="0.05") as bridge:
        reader, writer = await asyncio.open_connection(*bridge.address)
        assert (await events.read(reader)).data["code"] == "TOO_SLOW"
        writer.close()


async def test_answers_that_are_being_made_end_before_the_bridge_does(running, python):
    """The peer ends its text only after the bridge was stopped; a peer without a request is disconnected at once."""
    bridges = bridge_to(running, python)
    bridge = await bridges.__aenter__()
    (busy, to_busy), (idle, to_idle) = [await asyncio.open_connection(*bridge.address) for _ in range(2)]
    to_busy.write(BEGUN)
    started = await events.read(busy)
    assert (started.type, started.data["x_voicebox_synthetic"]) == ("audio-start", True)
    stopping = asyncio.create_task(bridges.__aexit__(None, None, None))
    assert await idle.read() == b""
    with pytest.raises(ConnectionError):
        await asyncio.open_connection(*bridge.address)
    to_busy.write(events.write(Event("synthesize-stop")))
    last = None
    while (event := await events.read(busy)) is not None:
        last = event
    assert last is not None
    assert last.type == "synthesize-stopped"
    await stopping
    to_busy.close()
    to_idle.close()


@pytest.mark.parametrize("streamed", [b"", events.write(Event("synthesize-start"))])
async def test_who_does_not_end_is_cut_off_when_the_grace_is_over(running, python, streamed):
    async with bridge_to(running, python, VOICEBOX_GRACE_SECONDS="0.05") as bridge:
        reader, writer = await asyncio.open_connection(*bridge.address)
        writer.write(streamed)
    assert not any(event.type == "error" for event in [await events.read(reader)] if event)
    writer.close()


async def test_a_peer_that_goes_frees_the_stream(running, python, start):
    """A tts with one place: a second peer gets it once the first one, in the middle of a conversation, has gone."""
    tts = await start(tts_app.open_service, TTS_STREAMS="1", TTS_QUEUE="1")
    async with bridge_to(running, python, TTS_ADDRESS=tts.address) as bridge:
        reader, writer = await asyncio.open_connection(*bridge.address)
        writer.write(BEGUN)
        assert (await events.read(reader)).type == "audio-start"
        writer.transport.abort()
        answer = "error"
        while answer == "error":  # refused at once while the place is taken
            other, to_other = await asyncio.open_connection(*bridge.address)
            to_other.write(events.write(Event("synthesize", {"text": "Hello."})))
            answer = (await events.read(other)).type
            to_other.close()
        assert answer == "audio-start"


async def test_a_taken_port_is_an_error_that_says_so(running, python, bridge):
    host, port = bridge.address
    with pytest.raises(StartError, match=f"Another program listens on {host}:{port}: stop it, or set WYOMING_ADDRESS"):
        async with bridge_to(running, python, WYOMING_ADDRESS=f"{host}:{port}"):
            pass


async def test_a_peer_that_asks_and_never_reads_is_cut_off(running, python):
    async with bridge_to(running, python, WYOMING_IDLE_SECONDS="0.2") as bridge:
        _, writer = await asyncio.open_connection(*bridge.address, limit=1024)
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(30):
                while True:
                    writer.write(events.write(Event("describe")))
                    await writer.drain()
        writer.close()


async def test_a_turn_has_an_end(running, python):
    async with bridge_to(running, python, WYOMING_TURN_SECONDS="0.1") as bridge:
        reader, writer = await asyncio.open_connection(*bridge.address)
        writer.write(events.write(Event("audio-start", {"rate": 16000, "width": 2, "channels": 1})))
        assert (await events.read(reader)).data["code"] in ("TOO_SLOW", "DEADLINE_EXCEEDED")
        writer.close()
