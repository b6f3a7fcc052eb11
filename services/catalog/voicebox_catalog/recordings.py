"""Makes the normalised copy of a recording: mono FLAC at 24 kHz and -23 dBFS."""

import asyncio
import math
import tempfile
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from voicebox_sound.decoder import Decoder, Source
from voicebox_sound.encode import Encoding, open_encoder
from voicebox_sound.errors import AudioError, Reason
from voicebox_sound.headers import with_length
from voicebox_sound.levels import PEAK_CEILING, SILENCE_DBFS
from voicebox_sound.limits import Limits

from .blobs import Blob, Blobs, storage_errors

Samples = NDArray[np.float32]
"""Mono audio, shape (samples,), in [-1, 1]."""

SAMPLE_RATE_HZ = 24_000
LEVEL_DBFS = -23.0
LIMITS = Limits(max_bytes=100 * 1024 * 1024, max_seconds=600.0)
BLOCK_BYTES = SAMPLE_RATE_HZ * 2 * 4
"""Two seconds of float32 are worked on at a time: ten minutes at once would be 58 MB."""
COPY_LIMITS = Limits(max_bytes=64 * 1024 * 1024, max_seconds=601.0)
"""What no normalised copy reaches: 10 minutes are 29 MB before compression."""


@dataclass(frozen=True)
class Recording:
    """Facts about a recording, and its normalised copy. `level_dbfs` is the original's, of its mono mix."""

    source: Source
    level_dbfs: float
    normalized: Blob
    normalized_sample_count: int


class Recordings:
    """Decodes at most `at_once` recordings at a time; the others wait on disk."""

    def __init__(self, decoder: Decoder, blobs: Blobs, spool_folder: Path, at_once: int) -> None:
        self._decoder = decoder
        self._blobs = blobs
        self._spool_folder = spool_folder
        self._places = asyncio.Semaphore(at_once)

    async def normalize(self, blob: str) -> Recording:
        """Read the original that `blob` names, and keep its normalised copy. AudioError when it is no audio that is taken.

        The gain is known only when all is decoded, so the samples wait in a nameless file: memory stays flat, and a kill leaves nothing.
        """
        async with self._places:
            with storage_errors(), tempfile.TemporaryFile(dir=self._spool_folder) as spool:
                source, level = await self._decode(blob, spool)
                copy = await self._blobs.put("samples", _flac(spool, level), COPY_LIMITS.max_bytes)
                return Recording(source, level.rms_dbfs, copy, level.count)

    async def samples(self, blob: str, most: int) -> Samples:
        """The first samples, `most` or fewer, of the normalised copy that `blob` names.

        They come as a whole, 60 s are 6 MB: a caller who reads slowly must not hold a place.
        """
        pieces, count = [np.zeros(0, np.float32)], 0
        async with self._places, aclosing(self._decoder.stream(self._blobs.read(blob), SAMPLE_RATE_HZ, COPY_LIMITS)) as stream:
            async for piece in stream:
                pieces.append(piece)
                count += piece.size
                if count >= most:
                    break
        return np.concatenate(pieces)[:most]

    async def _decode(self, blob: str, spool: IO[bytes]) -> tuple[Source, "_Level"]:
        level = _Level()
        async with aclosing(self._decoder.stream(self._blobs.read(blob), SAMPLE_RATE_HZ, LIMITS)) as stream:
            async for piece in stream:
                level.push(piece)
                await asyncio.to_thread(spool.write, piece.tobytes())
        if stream.source is None:
            raise AudioError(Reason.AUDIO_EMPTY, "The audio holds no sample.")
        return stream.source, level


class _Level:
    """Measures a stream of samples."""

    def __init__(self) -> None:
        self.count = 0
        self._power = 0.0
        self._peak = 0.0

    def push(self, samples: Samples) -> None:
        self.count += samples.size
        self._power += float(np.sum(np.square(samples, dtype=np.float64)))
        self._peak = max(self._peak, float(np.abs(samples).max(initial=0.0)))

    @property
    def rms_dbfs(self) -> float:
        power = self._power / max(self.count, 1)
        return max(10 * math.log10(power), SILENCE_DBFS) if power > 0 else SILENCE_DBFS

    @property
    def gain(self) -> float:
        """The factor that brings it to LEVEL_DBFS without clipping; 1 for silence."""
        if self.rms_dbfs <= SILENCE_DBFS:
            return 1.0
        return min(10 ** ((LEVEL_DBFS - self.rms_dbfs) / 20), PEAK_CEILING / self._peak)


async def _flac(spool: IO[bytes], level: _Level) -> AsyncIterator[bytes]:
    """The spooled samples, brought to LEVEL_DBFS, as a FLAC file that tells its length."""
    encoder = open_encoder(Encoding.FLAC, SAMPLE_RATE_HZ)
    gain = np.float32(level.gain)
    spool.seek(0)
    begun = False
    while block := await asyncio.to_thread(spool.read, BLOCK_BYTES):
        data = await asyncio.to_thread(encoder.push, np.frombuffer(block, np.float32) * gain)
        if data:
            yield data if begun else with_length(Encoding.FLAC, data, level.count)
            begun = True
    data = await asyncio.to_thread(encoder.finish)
    yield data if begun else with_length(Encoding.FLAC, data, level.count)
