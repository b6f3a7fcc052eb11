"""Turns the streams that Google's clients send into our own."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from voicebox.asr.v1 import asr_pb2
from voicebox_audio.formats.sniff import SNIFF_BYTES

from .audio import set_format, to_samples
from .shared_request import ParsedStream


async def to_stream(
    stream: ParsedStream, blocks: AsyncGenerator[bytes]
) -> AsyncGenerator[asr_pb2.StreamingRecognizeRequest]:
    """Our config, then sound. The config waits for the first bytes, which tell samples from a file."""
    async with aclosing(blocks):
        start = b""
        while len(start) < SNIFF_BYTES and (block := await anext(blocks, None)) is not None:
            start += block
        samples = to_samples(stream.asked.format, start)
        config = asr_pb2.StreamingConfig()
        config.CopyFrom(stream.config)
        if samples:
            set_format(config.recognition, stream.asked.format)
        yield asr_pb2.StreamingRecognizeRequest(config=config)
        yield asr_pb2.StreamingRecognizeRequest(audio=samples(start) if samples else start)
        async for block in blocks:
            yield asr_pb2.StreamingRecognizeRequest(audio=samples(block) if samples else block)
