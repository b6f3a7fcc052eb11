"""The RPCs of conversion: each checks its request, opens a conversion, and streams the answer."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, TypeVar

import grpc
from google.api.httpbody_pb2 import HttpBody
from voicebox.conversion.v1 import conversion_pb2 as pb
from voicebox.conversion.v1 import conversion_pb2_grpc
from voicebox_audio.decoding.decoder import Decoder
from voicebox_audio.encoding.encoder import Encoder, open_encoder
from voicebox_audio.encoding.encodings import Encoding
from voicebox_audio.encoding.marks import synthetic
from voicebox_audio.pcm import to_s16le
from voicebox_audio.resample import Resampler
from voicebox_kit import principal, request_id, uploads
from voicebox_kit.durations import to_duration
from voicebox_kit.errors import InvalidField
from voicebox_kit.uploads import steady

from voicebox_conversion.conversion.converter import Conversion, Converter
from voicebox_conversion.conversion.source import FileSource, live_samples
from voicebox_conversion.engine import Samples

from . import messages
from .requests import answer_rate, rate, to_encoding, to_job

SYNTHETIC = (("x-voicebox-synthetic", "1"),)
"""The header that says of an answer that its speech is synthetic."""
MAX_LIVE_BYTES = 1024 * 1024
"""Of one message."""

Context = grpc.aio.ServicerContext[Any, Any]
T = TypeVar("T")


class ConversionServicer(conversion_pb2_grpc.ConversionServiceServicer):
    """The voicebox.conversion.v1.ConversionService."""

    def __init__(self, converter: Converter, decoder: Decoder, idle_seconds: float) -> None:
        self._converter, self._decoder, self._idle_seconds = converter, decoder, idle_seconds

    async def ConvertSpeech(
        self, request_iterator: AsyncIterator[pb.ConvertSpeechRequest], context: Context
    ) -> AsyncGenerator[pb.ConvertSpeechResponse]:
        async with aclosing(steady(aiter(request_iterator))) as requests:
            first = await anext(requests, pb.ConvertSpeechRequest())
            job = to_job(first.config, principal.owner(context), "config", is_live=False)
            encoding = to_encoding(first.encoding)
            async with self._converter.opened(job) as conversion:
                rate_hz = answer_rate(first.sample_rate_hz, encoding, conversion.engine.sample_rate_hz)
                source = FileSource(_uploaded(first, requests), conversion.engine.sample_rate_hz, self._decoder)
                written = _Written(self._converter, conversion, encoding, rate_hz)
                pieces = written.pieces(conversion.converted(source.samples(), job.options))
                started = _started(conversion, rate_hz)
                async with aclosing(pieces):
                    async for data in pieces:
                        kind = ""
                        if started is not None:
                            await context.send_initial_metadata(SYNTHETIC)
                            kind = messages.content_type(encoding, rate_hz)
                        body = HttpBody(content_type=kind, data=data)
                        yield pb.ConvertSpeechResponse(audio=body, started=started)
                        started = None
                warnings = (*conversion.warnings, *source.warnings)
                ids = ((request_id.HEADER, request_id.current.get()),)
                context.set_trailing_metadata((*ids, *messages.warning_trailers(warnings)))
                finished = pb.ConversionFinished(duration=to_duration(conversion.seconds), warnings=source.warnings)
                yield pb.ConvertSpeechResponse(finished=finished)

    async def StreamingConvert(
        self, request_iterator: AsyncIterator[pb.StreamingConvertRequest], context: Context
    ) -> AsyncGenerator[pb.StreamingConvertResponse]:
        async with aclosing(uploads.patient(aiter(request_iterator), self._idle_seconds)) as requests:
            first = await anext(requests, None)
            if first is None or not first.HasField("config"):
                raise InvalidField("config", "The first message must be the config.", "CONFIG_FIRST")
            config = first.config
            job = to_job(config.conversion, principal.owner(context), "config.conversion", is_live=True)
            rate_hz = rate(config.sample_rate_hz, "config.sample_rate_hz")
            async with self._converter.opened(job) as conversion:
                await context.send_initial_metadata(SYNTHETIC)
                yield pb.StreamingConvertResponse(started=_started(conversion, rate_hz))
                engine_hz = conversion.engine.sample_rate_hz
                samples = live_samples(_live(requests), rate_hz, engine_hz)
                back = Resampler(engine_hz, rate_hz)
                async with aclosing(samples), aclosing(conversion.converted(samples, job.options)) as converted:
                    async for piece in converted:
                        if len(ready := back.push(piece)):
                            yield pb.StreamingConvertResponse(audio=to_s16le(ready))
                if len(rest := back.finish()):
                    yield pb.StreamingConvertResponse(audio=to_s16le(rest))
                finished = pb.ConversionFinished(duration=to_duration(conversion.seconds))
                yield pb.StreamingConvertResponse(finished=finished)


class _Written:
    """Writes a converted file, piece by piece."""

    def __init__(self, converter: Converter, conversion: Conversion, encoding: Encoding, rate_hz: int) -> None:
        engine = conversion.engine
        self._converter = converter
        self._resampler = Resampler(engine.sample_rate_hz, rate_hz)
        self._encoder: Encoder = open_encoder(encoding, rate_hz, synthetic(engine.name, engine.model.name))

    async def pieces(self, converted: AsyncGenerator[Samples]) -> AsyncGenerator[bytes]:
        """The bytes of the file as they are ready."""
        async with aclosing(converted):
            async for samples in converted:
                if data := await self._converter.run(self._push, samples):
                    yield data
        if data := await self._converter.run(self._finish):
            yield data

    def _push(self, samples: Samples) -> bytes:
        ready = self._resampler.push(samples)
        return self._encoder.push(ready) if len(ready) else b""

    def _finish(self) -> bytes:
        rest = self._resampler.finish()
        return (self._encoder.push(rest) if len(rest) else b"") + self._encoder.finish()


def _started(conversion: Conversion, rate_hz: int) -> pb.ConversionStarted | None:
    return pb.ConversionStarted(
        model=f"models/{conversion.engine.model.name}", sample_rate_hz=rate_hz, warnings=conversion.warnings
    )


async def _uploaded(
    first: pb.ConvertSpeechRequest, requests: AsyncIterator[pb.ConvertSpeechRequest]
) -> AsyncGenerator[bytes]:
    yield first.audio.data
    async for request in requests:
        yield request.audio.data


async def _live(requests: AsyncIterator[pb.StreamingConvertRequest]) -> AsyncGenerator[bytes]:
    async for request in requests:
        if request.WhichOneof("message") == "config":
            raise InvalidField("config", "Only the first message may be the config.", "CONFIG_TWICE")
        if len(request.audio) > MAX_LIVE_BYTES:
            raise InvalidField("audio", f"A message must have at most {MAX_LIVE_BYTES} bytes of audio.")
        yield request.audio
