"""Any recording as a WAV file: mono, 16 bits, at its own rate; decoded in the confined decoder."""

import struct
import wave
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
from voicebox_audio.decoding.decoder import Decoder
from voicebox_audio.decoding.limits import Limits
from voicebox_audio.pcm import Samples

LIMITS = Limits(max_bytes=1 << 30, max_seconds=4 * 3600.0, cpu_seconds=600)
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


async def wav_blocks(decoder: Decoder, blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The bytes of the WAV file. The header comes first, and must have the length: the samples are held meanwhile, 2
    bytes each. Raises AudioError.
    """
    held: list[bytes] = []
    stream = decoder.stream(blocks, None, LIMITS)
    async with aclosing(stream):
        async for samples in stream:
            held.append(pcm(samples))
    assert stream.source is not None
    size = sum(map(len, held))
    yield header(stream.source.sample_rate_hz, size)
    for piece in held:
        yield piece


def wav(samples: Samples, sample_rate_hz: int) -> bytes:
    """The WAV file of samples, shape (n,)."""
    data = pcm(samples)
    return header(sample_rate_hz, len(data)) + data


def duration_seconds(path: Path) -> float:
    """How long a file is that is written as here."""
    with wave.open(str(path)) as file:
        seconds: float = file.getnframes() / file.getframerate()
        return seconds


def pcm(samples: Samples) -> bytes:
    """Samples as they stand behind the header."""
    return (np.clip(samples, -1.0, 1.0) * 32767).round().astype("<i2").tobytes()


def header(sample_rate_hz: int, data_bytes: int) -> bytes:
    """The header of a WAV file."""
    layout = (16, 1, 1, sample_rate_hz, 2 * sample_rate_hz, 2, 16)
    return _HEADER.pack(b"RIFF", 36 + data_bytes, b"WAVE", b"fmt ", *layout, b"data", data_bytes)
