"""Audio flows while it is made, as long as it takes, and stops when the client does."""

import asyncio
import json
import socket
from contextlib import asynccontextmanager
from urllib.parse import quote

import grpc
import httpx
import pytest
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc

from bench.launch import free_ports
from tests.support.aio import aio_stub

EVENT_SECONDS = 10  # generous: what is waited for takes milliseconds


async def test_audio_plays_while_it_is_made(gateway, fakes):
    """The first bytes arrive while the service still waits for the permission to make the rest."""
    async with gateway.http.stream("POST", "/v1/speech:play", json={"text": "waits"}) as answer:
        assert answer.headers["content-type"] == "audio/wav"
        pieces = answer.aiter_raw()
        first = await anext(pieces)
        assert 0 < len(first) <= 4096
        fakes.seen.release.set()
        rest = b"".join([piece async for piece in pieces])
    assert len(first + rest) == 8192


async def test_play_by_get_takes_everything_from_the_query(gateway, fakes):
    query = {
        "text": "two words",
        "config.voice.voice": "slt",
        "config.audio.encoding": "AUDIO_ENCODING_FLAC",
        "config.style.speed": "1.5",
        "config.seed": "7",
    }
    answer = await gateway.http.get("/v1/speech:play", params=query)
    assert (answer.status_code, len(answer.content)) == (200, 8192)
    request = fakes.seen.request
    config = request.config
    assert (request.text, config.voice.voice, config.audio.encoding) == (
        "two words",
        "slt",
        tts_pb2.AUDIO_ENCODING_FLAC,
    )
    assert (config.style.speed, config.seed) == (1.5, 7)


async def test_play_by_get_takes_the_longest_text(gateway, fakes):
    """Percent-encoded it is 90 kB; httpx would refuse to send it."""
    host, port = gateway.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"GET /v1/speech:play?text={quote('語' * 10_000)} HTTP/1.1\r\n".encode()
        + f"host: {host}\r\nconnection: close\r\n\r\n".encode()
    )
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert fakes.seen.request.text == "語" * 10_000
    assert fakes.seen.metadata["x-envoy-original-path"] == "/v1/speech:play"


async def test_events_are_one_json_object_per_line(gateway, fakes):
    async with gateway.http.stream("POST", "/v1/speech:stream", json={"text": "waits"}) as answer:
        lines = answer.aiter_lines()
        assert "audio" in json.loads(await anext(lines))["chunk"]
        fakes.seen.release.set()
        assert [list(json.loads(line)) async for line in lines] == [["chunk"], ["finished"]]


@pytest.mark.parametrize(
    "path", ["/v1/speech:recognizeUpload?config.language=de", "/v1/profiles/ann/samples?transcript=hello+you"]
)
async def test_an_upload_has_no_limit_here(gateway, fakes, path):
    async def pieces():
        for _ in range(20):
            yield bytes(1_000_000)

    answer = await gateway.http.post(path, content=pieces(), headers={"content-type": "audio/wav"})
    assert answer.status_code == 200
    assert answer.json() in (
        {"transcript": "20000000 bytes", "language": "de"},
        {"name": "profiles/ann/samples/1", "sizeBytes": "20000000"},
    )
    assert fakes.seen.request.audio.content_type == "audio/wav"


async def test_a_recording_becomes_subtitles(gateway, fakes):
    async def pieces():
        for _ in range(3):
            yield bytes(1_000_000)

    requested = (
        "?format=TRANSCRIPT_FORMAT_SRT&subtitles.max_line_length=30&subtitles.max_cue_duration=2.5s&config.word_offsets=true"
        "&config.hotwords=one&config.hotwords=two&config.diarization.enabled=true&config.grammar.jsgf=x&config.decoding.beam_size=2"
    )
    answer = await gateway.http.post(
        "/v1/speech:transcribe" + requested, content=pieces(), headers={"content-type": "audio/wav"}
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-subrip")
    assert answer.text == "1\n00:00:00,000 --> 00:00:01,000\n3000000 bytes\n"
    request = fakes.seen.request
    assert (request.format, request.subtitles.max_line_length, request.subtitles.max_cue_duration.nanos) == (
        2,
        30,
        500_000_000,
    )
    assert (list(request.config.hotwords), request.config.decoding.beam_size) == (["one", "two"], 2)
    assert (request.config.word_offsets, request.config.diarization.enabled, request.config.grammar.jsgf) == (
        True,
        True,
        "x",
    )
    assert request.audio.content_type == "audio/wav"


async def test_what_no_document_knows_is_refused(gateway):
    answer = await gateway.http.post("/v1/speech:transcribe?format=TRANSCRIPT_FORMAT_DOCX", content=b"RIFF")
    assert answer.status_code == 400


async def test_a_download_has_the_services_content_type(gateway, fakes):
    answer = await gateway.http.get("/v1/profiles/ann/samples/1:audio?form=SAMPLE_FORM_NORMALIZED")
    assert (answer.headers["content-type"], len(answer.content)) == ("audio/flac", 4096)
    assert fakes.seen.request.form == 2


async def test_a_stream_may_last_longer_than_any_unary_call(open_gateway, fakes):
    """Envoy's default cuts every call after 15 s; here the unary limit, 0.3 s, stands for it."""
    async with open_gateway(GATEWAY_UNARY_SECONDS="0.3") as serving, httpx.AsyncClient() as http:
        url = f"http://{serving.endpoints[0].address}/v1/speech:play"
        async with http.stream("POST", url, json={"text": "waits"}) as answer:
            assert (await http.post(url.replace("play", "synthesize"), json={"text": "waits"})).status_code == 504
            fakes.seen.release.set()
            assert len(await answer.aread()) == 8192


async def test_a_stream_in_which_nothing_moves_ends(open_gateway, fakes):
    async with open_gateway(GATEWAY_STREAM_IDLE_SECONDS="0.2") as serving, httpx.AsyncClient() as http:
        async with http.stream(
            "POST", f"http://{serving.endpoints[0].address}/v1/speech:play", json={"text": "waits"}
        ) as answer:
            with pytest.raises(httpx.HTTPError):
                await answer.aread()
        async with asyncio.timeout(EVENT_SECONDS):
            await fakes.seen.cancelled.wait()


async def test_a_service_that_dies_in_the_middle_is_no_clean_end(open_gateway, fakes):
    async with (
        wire(fakes.tts.address) as (address, cut),
        open_gateway(TTS_ADDRESS=address) as serving,
        httpx.AsyncClient() as http,
        http.stream("POST", f"http://{serving.endpoints[0].address}/v1/speech:play", json={"text": "waits"}) as answer,
    ):
        pieces = answer.aiter_raw()
        await anext(pieces)
        cut()
        with pytest.raises(httpx.RemoteProtocolError):
            await anext(pieces)


@asynccontextmanager
async def wire(address):
    """An address that leads to `address`, and a function that cuts every connection in between, as a killed process
    does.
    """
    writers = []

    async def pump(reader, writer):
        while data := await reader.read(65536):
            writer.write(data)

    async def connected(reader, writer):
        host, port = address.split(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        writers.extend((writer, far_writer))
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer), return_exceptions=True)

    def cut():
        for writer in writers:
            writer.transport.abort()

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", cut
        cut()


async def test_a_silent_session_outlives_the_idle_limit_of_streams(open_gateway):
    async with open_gateway(GATEWAY_STREAM_IDLE_SECONDS="0.2") as serving:
        address = serving.endpoints[0].address
        async with (
            grpc.aio.insecure_channel(address) as channel,
            httpx.AsyncClient(base_url=f"http://{address}") as http,
        ):
            call = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, channel).ConverseSynthesize()
            await call.write(tts_pb2.ConverseSynthesizeRequest(text="one"))
            assert (await call.read()).chunk.audio == b"one"
            with pytest.raises(httpx.HTTPError):  # this one is cut, so the limit has passed
                await http.post("/v1/speech:play", json={"text": "waits"})
            await call.write(tts_pb2.ConverseSynthesizeRequest(text="two"))
            assert (await call.read()).chunk.audio == b"two"


@pytest.mark.parametrize("path", ["/v1/speech:play", "/v1/speech:stream"])
async def test_an_http_client_that_leaves_is_felt_by_the_service(gateway, fakes, path):
    async with gateway.http.stream("POST", path, json={"text": "waits"}) as answer:
        await anext(answer.aiter_raw())
    async with asyncio.timeout(60):
        await fakes.seen.cancelled.wait()


async def test_a_grpc_client_that_cancels_is_felt_by_the_service(gateway, fakes):
    call = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, gateway.channel).StreamSynthesize(
        tts_pb2.StreamSynthesizeRequest(text="waits")
    )
    await call.read()
    call.cancel()
    async with asyncio.timeout(60):
        await fakes.seen.cancelled.wait()


async def test_a_client_that_stops_reading_stops_the_service(gateway, fakes):
    """Without limits Envoy and the kernel would take 4 MB, more than a minute of audio that nobody hears; it is 0.3
    MB.
    """
    host, port = gateway.address.split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"GET /v1/speech:play?text=endless HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
        sent = await settled(lambda: fakes.seen.bytes_sent)
        assert 0 < sent < 1_000_000
    async with asyncio.timeout(60):
        await fakes.seen.cancelled.wait()


async def settled(count):
    """The count when it has not changed for a while."""
    last, same = -1, 0
    while same < 20:
        await asyncio.sleep(0.01)
        last, same = (last, same + 1) if count() == last and last > 0 else (count(), 0)
    return last


async def test_uploads_are_not_held_in_memory(open_gateway):
    admin = f"127.0.0.1:{free_ports(1)[0]}"

    async def pieces():
        for _ in range(20):
            yield bytes(1_000_000)

    async with open_gateway(GATEWAY_ADMIN_ADDRESS=admin) as serving, httpx.AsyncClient(timeout=120) as http:
        url = f"http://{serving.endpoints[0].address}/v1/profiles/ann/samples"
        answers = await asyncio.gather(*(http.post(url, content=pieces()) for _ in range(20)))
        assert {answer.json()["sizeBytes"] for answer in answers} == {"20000000"}
        memory = (await http.get(f"http://{admin}/memory")).json()
    assert int(memory["heap_size"]) < 100_000_000
