"""Turns the bytes that a caller sends into samples for the engines."""

import math
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np
from voicebox_audio.decoding.decoder import DecodedStream, Decoder, SourceFile
from voicebox_audio.decoding.limits import Limits
from voicebox_audio.downmix import Downmixer
from voicebox_audio.errors import AudioError, AudioReason, DecoderUnavailable
from voicebox_audio.pcm import Frames, SampleJoiner, from_s16le
from voicebox_audio.resample import Resampler
from voicebox_kit.errors import InvalidField, Unavailable

from voicebox_asr.engine import SAMPLE_RATE_HZ, RecognitionWarning, Samples, WarningReason

QUIET_PEAK = 10.0 ** (-50 / 20)
"""Whisper and the detectors of speech lose words of audio whose peak is below -50 dBFS."""

DITHER_PEAK = 2.5 / 32768
"""Silence may have the lowest bits of 16."""

PIECE_BYTES = 256 * 1024
"""Headerless audio is converted in pieces of at most this, 2 ms of work: the event loop serves others in between."""


@dataclass(frozen=True)
class Pcm:
    """Headerless little-endian signed 16-bit samples, channels interleaved."""

    sample_rate_hz: int
    channel_count: int


class SampleSource:
    """Mono samples at the engines' rate, as the bytes arrive; with `separate`, all channels as Frames.

    `pcm` is None for files in a container. Reading raises InvalidField("audio") with the decoder's reason, and what
    `blocks` raises.
    """

    def __init__(
        self, blocks: AsyncIterator[bytes], pcm: Pcm | None, decoder: Decoder, limits: Limits, *, separate: bool = False
    ) -> None:
        self._decoded = decoder.stream(blocks, SAMPLE_RATE_HZ, limits, separate=separate) if pcm is None else None
        self._peak = 0.0
        self._pieces = self._read(
            self._decoded or _converted(blocks, pcm or Pcm(SAMPLE_RATE_HZ, 1), limits, separate=separate)
        )

    def __aiter__(self) -> AsyncIterator[Samples | Frames]:
        return self._pieces

    async def __anext__(self) -> Samples | Frames:
        return await anext(self._pieces)

    async def aclose(self) -> None:
        """Stops reading, and ends the decoder's process."""
        await self._pieces.aclose()

    @property
    def warnings(self) -> tuple[RecognitionWarning, ...]:
        """Warnings about the audio; complete at its end."""
        file = _warnings(self._decoded.source) if self._decoded and self._decoded.source else ()
        return (*file, *_quiet(self._peak))

    async def _read(self, pieces: DecodedStream | AsyncGenerator[Samples | Frames]) -> AsyncGenerator[Samples | Frames]:
        """The pieces; errors of the audio become errors of the request."""
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    self._peak = max(self._peak, float(np.abs(piece).max(initial=0.0)))
                    yield piece
        except DecoderUnavailable as error:
            raise Unavailable(error.reason, error.sentence) from error
        except AudioError as error:
            raise InvalidField("audio", error.sentence, error.reason) from error


def _quiet(peak: float) -> Iterator[RecognitionWarning]:
    if DITHER_PEAK < peak < QUIET_PEAK:
        level = f"The audio is very quiet: its peak is {20 * math.log10(peak):.0f} dBFS"
        yield RecognitionWarning(WarningReason.TOO_QUIET, f"{level}. Words may be missing.")


def _warnings(source: SourceFile) -> Iterator[RecognitionWarning]:
    if source.cut_short:
        sentence = (
            "The file ends before its header says, or a part of it cannot be read: what can be read was recognised."
        )
        yield RecognitionWarning(WarningReason.CUT_SHORT, sentence)
    if source.is_over_full_scale:
        peak = f"Samples reach {source.peak:.3g} times full scale, and were clipped"
        sentence = f"{peak}: float samples must lie between -1 and 1."
        yield RecognitionWarning(WarningReason.OVER_FULL_SCALE, sentence)
    if source.not_numbers:
        sentence = f"{source.not_numbers} samples are infinite or NaN: NaN counts as silence."
        yield RecognitionWarning(WarningReason.NOT_A_NUMBER, sentence)


async def _converted(
    blocks: AsyncIterator[bytes], pcm: Pcm, limits: Limits, *, separate: bool
) -> AsyncGenerator[Samples | Frames]:
    """Headerless audio needs no decoder. An incomplete frame at the end is left out."""
    frame_bytes = 2 * pcm.channel_count
    joiner = SampleJoiner(frame_bytes)
    resampler = Resampler(pcm.sample_rate_hz, SAMPLE_RATE_HZ, pcm.channel_count if separate else None)
    downmixer = Downmixer()
    frames = 0
    async for block in blocks:
        for start in range(0, len(block), PIECE_BYTES):
            piece = joiner.push(block[start : start + PIECE_BYTES])
            frames += len(piece) // frame_bytes
            _check_length(frames, pcm, limits)
            samples = from_s16le(piece).reshape(-1, pcm.channel_count)
            yield resampler.push(samples if separate else downmixer.push(samples))
    if not frames:
        raise AudioError(AudioReason.AUDIO_EMPTY, "There is no audio.")
    yield resampler.finish()


def _check_length(frames: int, pcm: Pcm, limits: Limits) -> None:
    if frames * 2 * pcm.channel_count > limits.max_bytes:
        raise AudioError(
            AudioReason.AUDIO_TOO_LARGE, f"The audio has more than the {limits.max_bytes} bytes that are allowed."
        )
    if frames > limits.max_seconds * pcm.sample_rate_hz:
        raise AudioError(
            AudioReason.AUDIO_TOO_LONG, f"The audio is longer than the {limits.max_seconds:g} s that are allowed."
        )
