"""Streams that are decoded while they arrive."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest
from voicebox_audio.decoding.decoder import Decoder
from voicebox_audio.decoding.limits import Limits
from voicebox_audio.encoding.encoder import encode_whole, wav_header
from voicebox_audio.encoding.encodings import Encoding
from voicebox_audio.errors import AudioError, AudioReason

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = Limits()


async def _blocks(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


class Sender:
    """A client that sends only when a test lets it, and then waits."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    def send(self, data: bytes | None) -> None:
        """None is the end."""
        self._queue.put_nowait(data)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        data = await self._queue.get()
        if data is None:
            raise StopAsyncIteration
        return data


@pytest.mark.parametrize("encoding", [Encoding.WAV, Encoding.FLAC, Encoding.MP3, Encoding.OGG_OPUS])
@pytest.mark.parametrize("size", [7, 640, 1_000_000])
async def test_a_stream_gives_what_the_whole_gives(
    encoding: Encoding, size: int, decoder: Decoder, sine: Callable[..., np.ndarray]
) -> None:
    data = encode_whole(encoding, sine(24_000, 1.0), 24_000)
    whole = await decoder.decode(data, 16_000, LIMITS)
    async with contextlib.aclosing(decoder.stream(_blocks(data, size), 16_000, LIMITS)) as stream:
        pieces = [piece async for piece in stream]
    assert np.allclose(np.concatenate(pieces), whole.samples, atol=1e-6)
    assert stream.source == whole.source


async def test_a_wav_header_and_100_ms_give_audio_at_once(decoder: Decoder, sine: Callable[..., np.ndarray]) -> None:
    sender = Sender()
    pcm = (sine(16_000, 0.1) * 32767).astype("<i2").tobytes()
    async with contextlib.aclosing(decoder.stream(sender, None, LIMITS)) as stream:
        assert stream.source is None
        sender.send(wav_header(16_000, None))
        sender.send(pcm)
        assert sum([(await anext(stream)).size]) == 1600
        assert stream.source is not None
        assert stream.sample_rate_hz == 16_000
        for _ in range(3):
            sender.send(pcm[:640])
            assert (await anext(stream)).size == 320
        sender.send(None)
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
        assert stream.source.duration_seconds == pytest.approx(0.16)


@pytest.mark.parametrize(
    ("encoding", "seconds"), [(Encoding.WAV, 0.05), (Encoding.MP3, 0.3), (Encoding.OGG_OPUS, 0.5), (Encoding.FLAC, 0.8)]
)
async def test_audio_comes_soon_after_its_bytes(
    encoding: Encoding, seconds: float, decoder: Decoder, sine: Callable[..., np.ndarray]
) -> None:
    """After two seconds of sound were sent, all but the last `seconds` are there, while the stream stays open."""
    data = encode_whole(encoding, sine(16_000, 4), 16_000)
    sender = Sender()
    sender.send(data[: len(data) // 2])
    async with contextlib.aclosing(decoder.stream(sender, 16_000, LIMITS)) as stream:
        decoded = 0
        async with asyncio.timeout(20):
            while decoded < (2 - seconds) * 16_000:
                decoded += (await anext(stream)).size


async def test_an_error_in_the_senders_iterator_reaches_the_reader(decoder: Decoder) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield wav_header(16_000, None) + bytes(3200)
        raise LookupError("the sender is gone")

    with pytest.raises(LookupError, match="gone"):
        async for _ in decoder.stream(broken(), 16_000, LIMITS):
            pass


async def test_a_refused_stream_takes_no_more_bytes(decoder: Decoder) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"this is no audio" * 4096

    with pytest.raises(AudioError) as error:
        await anext(decoder.stream(endless(), 16_000, LIMITS))
    assert error.value.reason is AudioReason.AUDIO_FORMAT_REFUSED
    assert taken < 100


async def test_a_slow_reader_slows_the_sender(decoder: Decoder) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        yield wav_header(16_000, None)
        while True:
            taken += 1
            yield bytes(16_000)

    async with contextlib.aclosing(decoder.stream(endless(), 48_000, LIMITS)) as stream:
        for _ in range(5):
            await anext(stream)
        before = -1
        while taken > before:  # nobody reads: the sockets fill up, and then no block is taken any more
            before = taken
            await asyncio.sleep(0.2)
        assert taken < 100


async def test_a_live_stream_is_bounded_too(decoder: Decoder) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield wav_header(16_000, None)
        while True:
            yield bytes(32_000)

    decoded = 0
    with pytest.raises(AudioError) as error:
        async for piece in decoder.stream(endless(), 16_000, Limits(max_seconds=20)):
            decoded += piece.size
    assert error.value.reason is AudioReason.AUDIO_TOO_LONG
    assert decoded <= 20 * 16_000


async def test_an_mp4_streams_too(decoder: Decoder, sine: Callable[..., np.ndarray], mux: Callable[..., bytes]) -> None:
    data = mux("ipod", "aac", sine(48_000, 1))
    pieces = [piece async for piece in decoder.stream(_blocks(data, 1000), 16_000, LIMITS)]
    assert sum(piece.size for piece in pieces) == pytest.approx(16_000, abs=1000)
