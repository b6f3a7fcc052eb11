"""Makes the normalised copy of a recording, mono FLAC at 24 kHz and -23 LUFS, and measures it on the way."""

import asyncio
import math
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from voicebox_audio.decoding.decoder import Decoder, SourceFile
from voicebox_audio.decoding.limits import Limits
from voicebox_audio.encoding.encoder import encode_whole, open_encoder
from voicebox_audio.encoding.encodings import Encoding
from voicebox_audio.encoding.headers import with_length
from voicebox_audio.errors import AudioError, AudioReason
from voicebox_audio.levels import PEAK_CEILING, SILENCE_DBFS
from voicebox_audio.loudness import SILENCE_LUFS, LoudnessMeter
from voicebox_audio.recordings.quality import ClippingMeter, FrameMeter, Measures
from voicebox_audio.recordings.utterances import utterances
from voicebox_audio.recordings.voice_activity import FRAME_SECONDS
from voicebox_audio.resample import Resampler
from voicebox_blobs.blobs import Blob, Blobs, storage_errors
from voicebox_blobs.blocks import once

Samples = NDArray[np.float32]
"""Mono audio, shape (samples,), in [-1, 1]."""

SAMPLE_RATE_HZ = 24_000
LOUDNESS_LUFS = -23.0
"""The level of EBU R 128."""
MAX_GAIN_DB = 24.0
"""A whisper must not become a storm of noise."""
LIMITS = Limits(max_bytes=100 * 1024 * 1024, max_seconds=600.0)
BLOCK_BYTES = SAMPLE_RATE_HZ * 2 * 4
"""Two seconds of float32 are worked on at a time: ten minutes at once would be 58 MB."""
COPY_LIMITS = Limits(max_bytes=64 * 1024 * 1024, max_seconds=601.0)
"""What no normalised copy reaches: 10 minutes are 29 MB before compression."""
MIN_RATE_HZ = 8_000
"""What FLAC can be written at."""


@dataclass(frozen=True)
class Trim:
    """Which part of a recording is used, in microseconds; None is its end."""

    start_us: int = 0
    end_us: int | None = None


WHOLE = Trim()


@dataclass(frozen=True)
class NormalizedRecording:
    """Facts about a recording, and the normalised copy of its used part.

    `duration_us` and `level_dbfs`, of the mono mix, are the whole original's; `measures` are the used part's.
    """

    source: SourceFile
    duration_us: int
    level_dbfs: float
    measures: Measures
    normalized: Blob
    normalized_sample_count: int


class Recordings:
    """Decodes at most `at_once` recordings at a time; the others wait on disk."""

    def __init__(self, decoder: Decoder, blobs: Blobs, spool_folder: Path, at_once: int) -> None:
        self._decoder = decoder
        self._blobs = blobs
        self._spool_folder = spool_folder
        self._slots = asyncio.Semaphore(at_once)

    async def normalize(self, blob: str, trim: Trim = WHOLE) -> NormalizedRecording:
        """Read the original that `blob` names, and keep the normalised copy of its used part. AudioError when it is no
        audio that is taken.

        The gain is known only when all is decoded, so the samples wait in a nameless file: memory stays flat, and a
        kill leaves nothing.
        """
        async with self._slots:
            with storage_errors(), tempfile.TemporaryFile(dir=self._spool_folder) as spool:
                work = _Normalizing(spool, trim)
                source = await self._decode(blob, None, work.push)
                copied = await asyncio.to_thread(work.finish)
                copy = await self._blobs.put("samples", _flac(spool, copied.gain, copied.count), COPY_LIMITS.max_bytes)
                measures = replace(
                    copied.measures,
                    cut_short=source.cut_short,
                    peak_over_full_scale=source.peak if source.is_over_full_scale else 0.0,
                    not_numbers=source.not_numbers,
                )
                return NormalizedRecording(source, work.duration_us, work.level_dbfs, measures, copy, copied.count)

    async def cut(
        self, blob: str, sample_rate_hz: int, trim: Trim, min_seconds: float, max_seconds: float
    ) -> list[Blob]:
        """The used part of a recording, cut at its pauses: each utterance a mono FLAC file at the original's rate, in
        order.

        The samples wait in a nameless file until the pauses are known: memory holds one utterance.
        """
        rate_hz = max(sample_rate_hz, MIN_RATE_HZ)
        async with self._slots:
            with storage_errors(), tempfile.TemporaryFile(dir=self._spool_folder) as spool:
                work = _Spooling(spool, rate_hz, trim)
                await self._decode(blob, rate_hz, work.push)
                frame_samples = FRAME_SECONDS * rate_hz
                stored: list[Blob] = []
                try:
                    for utterance in utterances(work.levels, min_seconds, max_seconds):
                        begin, end = round(utterance.begin * frame_samples), round(utterance.end * frame_samples)
                        data = await asyncio.to_thread(_cut_flac, spool, begin, end, rate_hz)
                        stored.append(await self._blobs.put("samples", once(data), LIMITS.max_bytes))
                except BaseException:
                    await self._blobs.delete(*(each.name for each in stored))
                    raise
                return stored

    async def samples(self, blob: str, max_samples: int) -> Samples:
        """The first samples, `max_samples` or fewer, of the normalised copy that `blob` names.

        They come as a whole, 60 s are 6 MB: a caller who reads slowly must not hold a place.
        """
        pieces, count = [np.zeros(0, np.float32)], 0
        async with (
            self._slots,
            aclosing(self._decoder.stream(self._blobs.read(blob), SAMPLE_RATE_HZ, COPY_LIMITS)) as stream,
        ):
            async for piece in stream:
                pieces.append(piece)
                count += piece.size
                if count >= max_samples:
                    break
        return np.concatenate(pieces)[:max_samples]

    async def _decode(self, blob: str, sample_rate_hz: int | None, push: Callable[[Samples, int], None]) -> SourceFile:
        """Gives all samples to `push`, with their rate, in a thread."""
        async with aclosing(self._decoder.stream(self._blobs.read(blob), sample_rate_hz, LIMITS)) as stream:
            async for piece in stream:
                assert stream.sample_rate_hz is not None
                await asyncio.to_thread(push, piece, stream.sample_rate_hz)
        if stream.source is None:
            raise AudioError(AudioReason.AUDIO_EMPTY, "The audio holds no sample.")
        return stream.source


@dataclass(frozen=True)
class _Copied:
    """What is known of the used part when all of it is spooled. `gain` brings it to LOUDNESS_LUFS without clipping."""

    count: int
    gain: float
    measures: Measures


class _Trimmer:
    """Passes on the samples that a trim keeps."""

    def __init__(self, trim: Trim, sample_rate_hz: int) -> None:
        self._begin = trim.start_us * sample_rate_hz // 1_000_000
        self._end = None if trim.end_us is None else trim.end_us * sample_rate_hz // 1_000_000
        self.passed = 0

    def push(self, samples: Samples) -> Samples:
        begin = max(self._begin - self.passed, 0)
        end = samples.size if self._end is None else max(self._end - self.passed, 0)
        self.passed += samples.size
        return samples[begin:end]


class _Normalizing:
    """Measures the original at its own rate, where clipping shows, and spools the used part at SAMPLE_RATE_HZ."""

    def __init__(self, spool: IO[bytes], trim: Trim) -> None:
        self._spool = spool
        self._trim = trim
        self._trimmer = _Trimmer(trim, 1)
        self._resampler: Resampler | None = None
        self._power = 0.0
        self._count = 0
        self._clipping, self._frames, self._loudness = (
            ClippingMeter(),
            FrameMeter(SAMPLE_RATE_HZ),
            LoudnessMeter(SAMPLE_RATE_HZ),
        )

    def push(self, samples: Samples, sample_rate_hz: int) -> None:
        if self._resampler is None:
            self._resampler, self._trimmer = (
                Resampler(sample_rate_hz, SAMPLE_RATE_HZ),
                _Trimmer(self._trim, sample_rate_hz),
            )
        self._power += float(np.sum(np.square(samples, dtype=np.float64)))
        used = self._trimmer.push(samples)
        if used.size:
            self._clipping.push(used)
            self._keep(self._resampler.push(used))

    def finish(self) -> _Copied:
        """Nothing more comes. AudioError when no sample is used."""
        if self._resampler is not None:
            self._keep(self._resampler.finish())
        self._loudness.finish()
        if not self._count or self._resampler is None:
            raise AudioError(AudioReason.AUDIO_EMPTY, "The used part holds no sample.")
        measures = self._frames.measures(self._resampler.from_hz, self._clipping.ratio, self._loudness.lufs)
        return _Copied(self._count, _gain(self._loudness), measures)

    @property
    def duration_us(self) -> int:
        """Of the whole original."""
        return self._trimmer.passed * 1_000_000 // self._resampler.from_hz if self._resampler else 0

    @property
    def level_dbfs(self) -> float:
        """Root mean square of the whole original."""
        power = self._power / max(self._trimmer.passed, 1)
        return max(10 * math.log10(power), SILENCE_DBFS) if power > 0 else SILENCE_DBFS

    def _keep(self, samples: Samples) -> None:
        self._count += samples.size
        self._frames.push(samples)
        self._loudness.push(samples)
        self._spool.write(samples.tobytes())


class _Spooling:
    """Spools the used part at the rate that it comes at, and measures its frames."""

    def __init__(self, spool: IO[bytes], sample_rate_hz: int, trim: Trim) -> None:
        self._spool = spool
        self._trimmer = _Trimmer(trim, sample_rate_hz)
        self._frames = FrameMeter(sample_rate_hz)

    def push(self, samples: Samples, _sample_rate_hz: int) -> None:
        used = self._trimmer.push(samples)
        self._frames.push(used)
        self._spool.write(used.tobytes())

    @property
    def levels(self) -> NDArray[np.float64]:
        return self._frames.levels


def _gain(loudness: LoudnessMeter) -> float:
    """The factor that brings it to LOUDNESS_LUFS: at most MAX_GAIN_DB, no peak above -1 dBFS, and 1 for silence."""
    if loudness.lufs <= SILENCE_LUFS or loudness.true_peak <= 0:
        return 1.0
    gain_db = min(LOUDNESS_LUFS - loudness.lufs, MAX_GAIN_DB)
    return min(10 ** (gain_db / 20), PEAK_CEILING / loudness.true_peak)


async def _flac(spool: IO[bytes], gain: float, sample_count: int) -> AsyncIterator[bytes]:
    """The spooled samples times the gain, as a FLAC file with its length in the header."""
    encoder = open_encoder(Encoding.FLAC, SAMPLE_RATE_HZ)
    spool.seek(0)
    begun = False
    while block := await asyncio.to_thread(spool.read, BLOCK_BYTES):
        data = await asyncio.to_thread(encoder.push, np.frombuffer(block, np.float32) * np.float32(gain))
        if data:
            yield data if begun else with_length(Encoding.FLAC, data, sample_count)
            begun = True
    data = await asyncio.to_thread(encoder.finish)
    yield data if begun else with_length(Encoding.FLAC, data, sample_count)


def _cut_flac(spool: IO[bytes], begin: int, end: int, sample_rate_hz: int) -> bytes:
    spool.seek(4 * begin)
    return encode_whole(Encoding.FLAC, np.frombuffer(spool.read(4 * (end - begin)), np.float32), sample_rate_hz)
