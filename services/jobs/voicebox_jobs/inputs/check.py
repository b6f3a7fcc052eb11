"""Says what an uploaded file is: audio, as the confined decoder finds; else a zip file, or text in UTF-8."""

import codecs
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from voicebox_audio.decoding.decoder import Decoder
from voicebox_audio.errors import AudioError, AudioReason, DecoderUnavailable
from voicebox_blobs.blobs import Blobs
from voicebox_kit.errors import InvalidField, Unavailable
from voicebox_kit.permits import Permits

from .wav import LIMITS

TEXT, ZIP = "text", "zip"
ZIP_BEGINS = b"PK\3\4"
NEITHER = " It is no zip file either, and no text in UTF-8 of at most 64 MiB."
MAX_TEXT_BYTES = 64 * 1024 * 1024
_NOT_AUDIO = (AudioReason.AUDIO_FORMAT_REFUSED, AudioReason.AUDIO_UNREADABLE)


@dataclass(frozen=True)
class Checked:
    """What is in a file."""

    container: str
    duration_us: int = 0
    sample_rate_hz: int = 0
    channel_count: int = 0
    warnings: tuple[str, ...] = ()


class Checker:
    """Checks as many files at a time as there are permits; the others wait, and owners take turns."""

    def __init__(self, decoder: Decoder, blobs: Blobs, permits: Permits) -> None:
        self._decoder, self._blobs, self._permits = decoder, blobs, permits

    async def check(self, blob: str, size_bytes: int) -> Checked:
        """What the file is. InvalidField("content") when it can be used for nothing, Exhausted when too many wait."""
        async with self._permits.acquire():
            try:
                return await self._audio(blob)
            except DecoderUnavailable as error:
                raise Unavailable(error.reason, error.sentence) from error
            except AudioError as error:
                if error.reason in _NOT_AUDIO and await self._is_zip(blob):
                    return Checked(ZIP)
                if error.reason in _NOT_AUDIO and size_bytes <= MAX_TEXT_BYTES and await self._is_text(blob):
                    return Checked(TEXT)
                also = NEITHER if error.reason in _NOT_AUDIO else ""
                raise InvalidField("content", error.sentence + also, reason=error.reason) from error

    async def _audio(self, blob: str) -> Checked:
        stream = self._decoder.stream(self._blobs.read(blob), None, LIMITS)
        async with aclosing(stream):
            async for _ in stream:
                pass
        source = stream.source
        assert source is not None
        warnings = ["The file ends before its header says."] if source.cut_short else []
        if source.is_over_full_scale:
            warnings.append("Samples beyond full scale are clipped.")
        if source.not_numbers:
            warnings.append(f"{source.not_numbers} samples are infinite or no numbers.")
        return Checked(
            source.container,
            round(source.duration_seconds * 1e6),
            source.sample_rate_hz,
            source.channel_count,
            tuple(warnings),
        )

    async def _is_zip(self, blob: str) -> bool:
        """Whether it begins as one; what is in it is checked where it is used."""
        blocks = self._blobs.read(blob)
        async for block in blocks:
            return block.startswith(ZIP_BEGINS)
        return False

    async def _is_text(self, blob: str) -> bool:
        return await is_text(self._blobs.read(blob))


async def is_text(blocks: AsyncIterator[bytes]) -> bool:
    """Whether it is UTF-8 without control characters but tabs and line ends."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        async for block in blocks:
            if any(ord(letter) < 32 and letter not in "\t\r\n" for letter in decoder.decode(block)):
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
