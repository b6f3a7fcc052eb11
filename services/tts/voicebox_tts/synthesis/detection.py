"""Looks for the watermark in an audio file."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from dataclasses import dataclass

from voicebox_audio.decoding.decoder import Decoder
from voicebox_audio.decoding.limits import Limits
from voicebox_audio.errors import AudioError, AudioReason, DecoderUnavailable
from voicebox_kit.errors import InvalidField, Precondition, Unavailable
from voicebox_kit.permits import Permits

from voicebox_tts.watermark import Detection, Watermark

LIMITS = Limits(max_bytes=16 * 1024 * 1024, max_seconds=600.0)
RATE_HZ = 16_000


@dataclass(frozen=True)
class DetectedWatermark:
    """What was found, of which watermark, in how much audio."""

    detection: Detection
    watermark: str
    duration_seconds: float


class WatermarkDetector:
    """A call holds one permit: it is work of the same processors as speech."""

    def __init__(self, watermark: Watermark | None, decoder: Decoder, permits: Permits, executor: Executor) -> None:
        self._watermark, self._decoder = watermark, decoder
        self._permits, self._executor = permits, executor

    async def detect(self, blocks: AsyncIterator[bytes]) -> DetectedWatermark:
        """Look at a file; Precondition("WATERMARK_NOT_SERVED") without a watermark, InvalidField("audio") for a file
        that cannot be read.
        """
        if self._watermark is None:
            sentence = "This server has no watermark: TTS_WATERMARK names one."
            raise Precondition("WATERMARK_NOT_SERVED", "watermark", sentence)
        audio = await _whole(blocks)
        async with self._permits.acquire():
            try:
                clip = await self._decoder.decode(audio, RATE_HZ, LIMITS)
            except DecoderUnavailable as error:
                raise Unavailable(error.reason, str(error)) from error
            except AudioError as error:
                raise InvalidField("audio", error.sentence, error.reason) from error
            detect = self._watermark.detect
            found = await asyncio.get_running_loop().run_in_executor(self._executor, detect, clip.samples, RATE_HZ)
        return DetectedWatermark(found, self._watermark.name, len(clip.samples) / RATE_HZ)


async def _whole(blocks: AsyncIterator[bytes]) -> bytes:
    audio = bytearray()
    async for block in blocks:
        audio += block
        if len(audio) > LIMITS.max_bytes:
            sentence = f"The file has more than {LIMITS.max_bytes} bytes."
            raise InvalidField("audio", sentence, AudioReason.AUDIO_TOO_LARGE)
    return bytes(audio)
