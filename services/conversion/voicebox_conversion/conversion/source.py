"""Turns the bytes that a caller sends into samples at an engine's rate."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from voicebox_audio.decoding.decoder import Decoder
from voicebox_audio.decoding.limits import Limits
from voicebox_audio.errors import AudioError, DecoderUnavailable
from voicebox_audio.pcm import SampleJoiner, from_s16le
from voicebox_audio.resample import Resampler
from voicebox_kit.errors import InvalidField, Unavailable

from voicebox_conversion.engine import Samples

FILE_LIMITS = Limits(max_bytes=1 << 30, max_seconds=4 * 3600.0, cpu_seconds=600)
"""What one file may hold. It is converted while it is read, so none of this is held in memory."""

CUT_SHORT = "The file ends before its header says, or a part of it cannot be read: what can be read was converted."


class FileSource:
    """A file in a container as mono samples; `warnings` are complete at its end."""

    def __init__(self, blocks: AsyncIterator[bytes], sample_rate_hz: int, decoder: Decoder) -> None:
        self._decoded = decoder.stream(blocks, sample_rate_hz, FILE_LIMITS)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences on what is wrong with the file."""
        source = self._decoded.source
        return (CUT_SHORT,) if source and source.cut_short else ()

    async def samples(self) -> AsyncGenerator[Samples]:
        """The samples; InvalidField("audio") with the decoder's reason."""
        try:
            async with aclosing(self._decoded):
                async for piece in self._decoded:
                    yield piece
        except DecoderUnavailable as error:
            raise Unavailable(error.reason, error.sentence) from error
        except AudioError as error:
            raise InvalidField("audio", error.sentence, error.reason) from error


async def live_samples(blocks: AsyncIterator[bytes], from_hz: int, to_hz: int) -> AsyncGenerator[Samples]:
    """Headerless 16-bit samples at another rate, as they come. An incomplete sample at the end is left out."""
    joiner, resampler = SampleJoiner(), Resampler(from_hz, to_hz)
    async for block in blocks:
        yield resampler.push(from_s16le(joiner.push(block)))
    yield resampler.finish()
