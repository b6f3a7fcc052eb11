"""NVIDIA Riva's speech recognition over the one servicer."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

import grpc
from voicebox.asr.v1 import asr_pb2
from voicebox.compat.riva import riva_asr_pb2, riva_asr_pb2_grpc
from voicebox_compat.fields import send_diagnostics, with_field_names
from voicebox_compat.openai import Diagnostics
from voicebox_kit import uploads
from voicebox_kit.errors import InvalidField, NotFound
from voicebox_models.models import Models

from voicebox_asr.api.servicer import SpeechToTextServicer
from voicebox_asr.compat.hints import find_model, warn_of
from voicebox_asr.engine import Engine

from . import audio as riva_audio
from . import request as riva_request
from . import responses
from . import stream as riva_stream

RIVA_SERVICE = "nvidia.riva.asr.RivaSpeechRecognition"

Context = grpc.aio.ServicerContext[Any, Any]


class RivaRecognitionServicer(riva_asr_pb2_grpc.RivaSpeechRecognitionServicer):
    """The nvidia.riva.asr.RivaSpeechRecognition, as in nvidia-riva-client 2.27.0."""

    def __init__(self, speech: SpeechToTextServicer, models: Models[Engine], idle_seconds: float) -> None:
        self._speech, self._models, self._idle_seconds = speech, models, idle_seconds

    async def Recognize(
        self, request: riva_asr_pb2.RecognizeRequest, context: Context
    ) -> riva_asr_pb2.RecognizeResponse:
        diagnostics = Diagnostics()
        with self._named(request.config.model):
            engine = find_model(self._models, request.config.model, "config.model", diagnostics)
            riva_request.ignore_endpointing(request.config, diagnostics)
            detected = riva_audio.detect_audio(request.config, request.audio)
            config = riva_request.to_config(request.config, engine, diagnostics)
            riva_audio.set_format(config, request.config, detected)
            audio = await asyncio.to_thread(detected.to_s16le, request.audio)
            native = asr_pb2.RecognizeRequest(config=config, audio=audio)
            response = await self._speech.Recognize(native, context)
        warn_of(response, diagnostics)
        send_diagnostics(context, diagnostics)
        return responses.transcript(response, request.config, request.id if request.HasField("id") else None)

    async def StreamingRecognize(
        self, request_iterator: AsyncIterator[riva_asr_pb2.StreamingRecognizeRequest], context: Context
    ) -> AsyncGenerator[riva_asr_pb2.StreamingRecognizeResponse]:
        async with aclosing(uploads.patient(aiter(request_iterator), self._idle_seconds)) as requests:
            first = await anext(requests, None)
            if first is None or not first.HasField("streaming_config"):
                raise InvalidField(
                    "streaming_config", "The first message must be the streaming_config.", "CONFIG_FIRST"
                )
            diagnostics = Diagnostics()
            riva_stream.forces_end(first.runtime_config, diagnostics)  # there is nothing to end yet
            config, request_id = first.streaming_config.config, first.id if first.HasField("id") else None
            with self._named(config.model):
                stream = riva_stream.to_stream(
                    first.streaming_config, self._live(first.streaming_config, diagnostics), requests, diagnostics
                )
                async with aclosing(stream), aclosing(self._speech.StreamingRecognize(stream, context)) as events:
                    async for happened in events:
                        warn_of(happened.finished, diagnostics)
                        if event := responses.event(happened, config, request_id):
                            yield event
            send_diagnostics(context, diagnostics)

    async def GetRivaSpeechRecognitionConfig(
        self, request: riva_asr_pb2.RivaSpeechRecognitionConfigRequest, context: Context
    ) -> riva_asr_pb2.RivaSpeechRecognitionConfigResponse:
        present = [engine for engine in self._models.engines if engine.files.present]
        engines = [engine for engine in present if request.model_name in ("", engine.model.name)]
        if not engines:
            raise NotFound("model", request.model_name[:100], self._hint())
        configs = [config for engine in engines for config in responses.configs(engine)]
        return riva_asr_pb2.RivaSpeechRecognitionConfigResponse(model_config=configs)

    def _live(
        self, streaming: riva_asr_pb2.StreamingRecognitionConfig, diagnostics: Diagnostics
    ) -> asr_pb2.StreamingConfig:
        engine = find_model(self._models, streaming.config.model, "config.model", diagnostics)
        return asr_pb2.StreamingConfig(
            recognition=riva_request.to_live_config(streaming.config, engine, diagnostics),
            interim_results=streaming.interim_results,
            endpointing=riva_request.to_endpointing(streaming.config, diagnostics),
        )

    @contextmanager
    def _named(self, model: str) -> Iterator[None]:
        """Raise errors of the block in Riva's terms."""
        try:
            with with_field_names(riva_request.NAMES):
                yield
        except NotFound as error:
            if error.kind != "model":
                raise
            raise NotFound("model", model[:100], self._hint()) from error

    def _hint(self) -> str:
        return f"There are {', '.join(engine.model.name for engine in self._models.engines if engine.files.present)}."
