"""Callers that take places and do nothing, all of one address, and what another caller has of the server meanwhile."""

import asyncio
import base64
import contextlib
import io
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

import httpx
import numpy as np
import soundfile
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from bench.figures import Figure, quantile
from bench.launch import Platform, memory_bytes
from bench.recordings import FOLDER

OWN, OTHER = "127.0.0.1", "127.0.0.2"
"""The addresses of who is measured, and of who stalls."""
READERS, UPLOADS, SILENT, SOCKETS, PICTURES = 80, 18, 18, 256, 100
CALLS = 20
SENTENCE = "The quick brown fox jumps over the lazy dog. "
SETTLE_SECONDS = 8.0


@dataclass(frozen=True)
class Served:
    """What a caller saw: seconds to the first audio of speech and to the text of two seconds of speech, of each call;
    and how many calls were refused.
    """

    first_audio: list[float]
    recognised: list[float]
    refused: int


def measure(running: Platform) -> list[Figure]:
    """A caller's speech and recognition with an idle server, and beside callers of another address that stall."""
    return asyncio.run(_measured(running))


async def _measured(running: Platform) -> list[Figure]:
    await served(running.gateway)  # models are warm
    before, memory = await served(running.gateway), memory_bytes(running.process.pid)
    async with stalled(running.gateway):
        await asyncio.sleep(SETTLE_SECONDS)
        beside = await served(running.gateway)
        grown = memory_bytes(running.process.pid) - memory
    speech, text = (
        quantile(slow, 0.95) / quantile(quick, 0.95)
        for quick, slow in ((before.first_audio, beside.first_audio), (before.recognised, beside.recognised))
    )
    return [
        Figure("stalled callers, another's refused calls", beside.refused, "calls", 0),
        Figure("stalled callers, another's first audio p95, over idle", speech, "x", 2),
        Figure("stalled callers, another's 2 s file p95, over idle", text, "x", 2),
        Figure("stalled callers, memory", grown / 1e6, "MB", 200),
    ]


async def served(address: str, calls: int = CALLS) -> Served:
    """What a caller that does its work sees, call by call."""
    spoken, recognised, refused = list[float](), list[float](), 0
    samples, rate = soundfile.read(FOLDER / "LJ001-0002.wav", dtype="int16")
    file = io.BytesIO()
    soundfile.write(file, samples[: 2 * rate], rate, format="WAV")
    transport = httpx.AsyncHTTPTransport(local_address=OWN)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{address}", timeout=120) as http:
        for _ in range(calls):
            began = time.perf_counter()
            async with http.stream("GET", f"/v1/speech:play?text={quote(SENTENCE)}") as answer:
                refused += answer.status_code != 200
                async for _ in answer.aiter_bytes():
                    spoken.append(time.perf_counter() - began)
                    break
            began = time.perf_counter()
            text = await http.post(
                "/v1/audio/transcriptions", data={"model": "whisper-1"}, files={"file": file.getvalue()}
            )
            refused += text.status_code != 200
            recognised.append(time.perf_counter() - began)
    return Served(spoken, recognised, refused)


@asynccontextmanager
async def stalled(address: str) -> AsyncIterator[None]:
    """Callers of OTHER that stall in every way that there is, until the block ends."""
    kinds: list[tuple[int, Callable[[str], Awaitable[None]]]] = [
        (READERS, _stalled_reader),
        (UPLOADS, _slow_upload),
        (SILENT, _silent_stream),
        (1, _long_silence),
        (SOCKETS, _idle_socket),
        (PICTURES, _picture),
    ]
    tasks = [asyncio.create_task(_suppressed(kind(address))) for count, kind in kinds for _ in range(count)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _suppressed(work: Awaitable[None]) -> None:
    with contextlib.suppress(OSError, EOFError, WebSocketException, httpx.HTTPError):
        await work


@asynccontextmanager
async def _connection(address: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, port = address.split(":")
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.setblocking(False)
    plain.bind((OTHER, 0))
    await asyncio.get_running_loop().sock_connect(plain, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=plain, limit=4096)
    try:
        yield reader, writer
    finally:
        writer.close()


async def _stalled_reader(address: str) -> None:
    """Speech of four minutes, of which nothing is read."""
    async with _connection(address) as (_, writer):
        path = f"/v1/speech:play?text={quote(SENTENCE * 80)}"
        writer.write(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
        await asyncio.Event().wait()


async def _slow_upload(address: str) -> None:
    """Two bytes every 15 s."""
    head = (
        "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=b\r\n"
        "content-length: 1000000\r\n\r\n--b\r\ncontent-disposition: form-data; name=model\r\n\r\nwhisper-1\r\n"
        "--b\r\ncontent-disposition: form-data; name=file; filename=a.wav\r\n\r\n"
    )
    async with _connection(address) as (_, writer):
        writer.write(head.encode() + (FOLDER / "jfk.flac").read_bytes()[:2000])
        while True:
            await asyncio.sleep(15)
            writer.write(b"\0\0")


@asynccontextmanager
async def _realtime(address: str) -> AsyncIterator[ClientConnection]:
    url = f"ws://{address}/v1/realtime?intent=transcription"
    async with connect(url, local_addr=(OTHER, 0), open_timeout=60) as websocket:
        yield websocket


async def _append(websocket: ClientConnection, seconds: float) -> None:
    audio = base64.b64encode(np.zeros(int(24_000 * seconds), np.int16).tobytes()).decode()
    await websocket.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))


async def _silent_stream(address: str) -> None:
    """A live stream that has begun and says nothing."""
    async with _realtime(address) as websocket:
        await _append(websocket, 1.0)
        async for _ in websocket:
            pass


async def _long_silence(address: str) -> None:
    """Silence, a hundred times as fast as it would be spoken."""
    async with _realtime(address) as websocket:
        while True:
            await _append(websocket, 1.0)
            await asyncio.sleep(0.01)


async def _idle_socket(address: str) -> None:
    async with _realtime(address) as websocket:
        async for _ in websocket:
            pass


async def _picture(address: str) -> None:
    """5 MB of what is no picture, for a profile that does not exist."""
    transport = httpx.AsyncHTTPTransport(local_address=OTHER)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{address}", timeout=120) as http:
        await http.put("/v1/profiles/nobody/avatar", content=bytes(5_000_000))
