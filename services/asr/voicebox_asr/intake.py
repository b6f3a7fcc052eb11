"""Reads what a client sends, in order, and no faster than it is used."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import TypeVar

from voicebox.asr.v1 import asr_pb2
from voicebox_kit.errors import InvalidField, TooSlow

from .engine import Samples
from .recognition import Control

T = TypeVar("T")
Decode = Callable[[AsyncIterator[bytes]], AsyncGenerator[Samples]]

AHEAD = 4
"""Decoded pieces that wait for the recogniser; behind them gRPC's flow control stops the client."""


async def patient(requests: AsyncIterator[T], idle_seconds: float) -> AsyncGenerator[T]:
    """The requests; TooSlow("STREAM_IDLE") when none comes for `idle_seconds` while one is waited for."""
    while True:
        try:
            async with asyncio.timeout(idle_seconds):
                request = await anext(requests)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise TooSlow("STREAM_IDLE", f"Nothing came for {idle_seconds:g} s, and the stream was not closed.") from error
        yield request


async def uploaded(first: bytes, requests: AsyncIterator[asr_pb2.RecognizeUploadRequest]) -> AsyncGenerator[bytes]:
    """The pieces of a file."""
    yield first
    async for request in requests:
        yield request.audio.data


async def live(requests: AsyncIterator[asr_pb2.StreamingRecognizeRequest], decode: Decode) -> AsyncGenerator[Samples | Control]:
    """The sound and the controls of a stream whose config was read.

    Sound in a container is decoded on the way, so that a control may overtake the few milliseconds that are still in the decoder.
    """
    items: asyncio.Queue[Samples | Control | None] = asyncio.Queue(AHEAD)
    reading = asyncio.create_task(_read(requests, decode, items))
    try:
        while (item := await items.get()) is not None:
            yield item
        await reading
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _read(
    requests: AsyncIterator[asr_pb2.StreamingRecognizeRequest], decode: Decode, items: asyncio.Queue[Samples | Control | None]
) -> None:
    try:
        blocks = _audio(requests, items)
        first = await anext(blocks, None)
        if first is not None:  # a caller may say nothing at all
            async with aclosing(decode(_after(first, blocks))) as sound:
                async for samples in sound:
                    await items.put(samples)
    except Exception:
        await items.put(None)
        raise
    await items.put(None)


async def _audio(
    requests: AsyncIterator[asr_pb2.StreamingRecognizeRequest], items: asyncio.Queue[Samples | Control | None]
) -> AsyncGenerator[bytes]:
    async for request in requests:
        match request.WhichOneof("message"):
            case "audio":
                if request.audio:
                    yield request.audio
            case "control" if request.control == asr_pb2.STREAM_CONTROL_END_UTTERANCE:
                await items.put(Control.END_UTTERANCE)
            case "control":
                raise InvalidField("control", f"There is no control {request.control}.")
            case "config":
                raise InvalidField("config", "Only the first message may be the config.", "CONFIG_TWICE")
            case _:
                raise InvalidField("message", "A message must hold audio or a control.")


async def _after(first: bytes, blocks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    yield first
    async for block in blocks:
        yield block
