"""Reads a client's messages, in order, and no faster than they are used."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from voicebox.asr.v1 import asr_pb2
from voicebox_kit.errors import InvalidField

from voicebox_asr.audio.source import SampleSource
from voicebox_asr.live.backlog import Backlog, BacklogItem, Control

T = TypeVar("T")
Decode = Callable[[AsyncIterator[bytes]], SampleSource]

TAIL_BYTES = 64 * 1024
"""Tags may follow the audio in a file; anything longer is no part of it."""


async def uploaded(
    first: bytes, requests: AsyncIterator[asr_pb2.RecognizeUploadRequest] | AsyncIterator[asr_pb2.TranscribeRequest]
) -> AsyncGenerator[bytes]:
    """The pieces of a file."""
    yield first
    async for request in requests:
        yield request.audio.data


async def live(
    requests: AsyncIterator[asr_pb2.StreamingRecognizeRequest], decode: Decode, backlog: Backlog
) -> AsyncGenerator[BacklogItem]:
    """The audio and the controls after a stream's config, through `backlog`: reading goes on during recognition.

    Audio in a container is decoded on the way: a control may overtake the few milliseconds that the decoder holds.
    """
    reading = asyncio.create_task(_read(requests, decode, backlog))
    try:
        while (item := await backlog.get()) is not None:
            yield item
        await reading
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _read(requests: AsyncIterator[asr_pb2.StreamingRecognizeRequest], decode: Decode, backlog: Backlog) -> None:
    blocks = _Blocks(requests, backlog.put)
    try:
        first = await anext(blocks, None)
        if first is not None:  # a caller may send no audio
            async with aclosing(decode(_after(first, blocks))) as pieces:
                async for samples in pieces:
                    if len(samples):
                        await backlog.put(samples)
            await _pass_tail(blocks)
    finally:
        await blocks.aclose()
        await backlog.end()


async def _pass_tail(blocks: AsyncIterator[bytes]) -> None:
    """Read on after the end of a file: controls still count, and the stream goes on."""
    size = 0
    async for block in blocks:
        size += len(block)
        if size > TAIL_BYTES:
            raise InvalidField(
                "audio", "The file that the stream holds has ended: nothing can follow it.", "AUDIO_AFTER_END"
            )


class _Blocks:
    """The bytes of a stream's audio; `control` gets each control on the way.

    The decoder stops waiting for bytes when a file has ended; the next reader misses nothing.
    """

    def __init__(
        self, requests: AsyncIterator[asr_pb2.StreamingRecognizeRequest], control: Callable[[Control], Awaitable[None]]
    ) -> None:
        self._requests = requests
        self._control = control
        self._next: asyncio.Task[bytes] | None = None
        self._begun = False

    def __aiter__(self) -> "_Blocks":
        return self

    async def __anext__(self) -> bytes:
        self._next = self._next or asyncio.create_task(self._read())
        block = await asyncio.shield(self._next)
        if not block:
            raise StopAsyncIteration
        self._next = None
        return block

    async def aclose(self) -> None:
        """Stop reading."""
        if self._next:
            self._next.cancel()
            await asyncio.gather(self._next, return_exceptions=True)

    async def _read(self) -> bytes:
        """The next bytes; none at the end."""
        async for request in self._requests:
            match request.WhichOneof("message"):
                case "audio" if request.audio:
                    return self._audio(request.audio)
                case "audio":
                    continue
                case "control" if request.control == asr_pb2.STREAM_CONTROL_END_UTTERANCE:
                    await self._control(Control.END_UTTERANCE)
                case "control":
                    raise InvalidField("control", f"There is no control {request.control}.")
                case "config":
                    raise InvalidField("config", "Only the first message may be the config.", "CONFIG_TWICE")
                case _:
                    raise InvalidField("message", "A message must hold audio or a control.")
        return b""

    def _audio(self, block: bytes) -> bytes:
        if self._begun and _is_wav_header(block):
            raise InvalidField(
                "audio", "A second file begins within the stream: open a stream for each.", "AUDIO_CHANGED"
            )
        self._begun = True
        return block


async def _after(first: bytes, blocks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    yield first
    async for block in blocks:
        yield block


def _is_wav_header(block: bytes) -> bool:
    return block[:4] == b"RIFF" and block[8:12] == b"WAVE"
