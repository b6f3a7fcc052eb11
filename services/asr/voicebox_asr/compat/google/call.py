"""One call of a Google client, in Google's terms."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import grpc
from voicebox.asr.v1 import asr_pb2
from voicebox_audio.formats.sniff import SNIFF_BYTES
from voicebox_compat.fields import send_diagnostics, with_field_names
from voicebox_compat.openai import Diagnostics
from voicebox_kit.errors import NotFound
from voicebox_models.models import Models

from voicebox_asr.api.servicer import SpeechToTextServicer
from voicebox_asr.compat.hints import find_model
from voicebox_asr.engine import Engine

from .shared_request import FileRequest, to_native


class GoogleCall:
    """What both versions of the API do with a call."""

    def __init__(self, speech: SpeechToTextServicer, models: Models[Engine]) -> None:
        self._speech, self._models = speech, models

    async def recognize(
        self, file_request: FileRequest, audio: bytes, context: "grpc.aio.ServicerContext[Any, Any]"
    ) -> asr_pb2.RecognizeResponse:
        """Recognise a recording. The call may have ended: its context is read for records only, and none is written."""
        native = await asyncio.to_thread(to_native, file_request, audio)
        return await self._speech.Recognize(native, context)

    def follow(self, config: asr_pb2.RecognitionConfig, context: "grpc.aio.ServicerContext[Any, Any]") -> None:
        """Leave hints that the model cannot honour out of a config, and name them to the caller."""
        diagnostics = Diagnostics()
        engine = find_model(self._models, config.model, "config.model", diagnostics)
        config.model = f"models/{engine.model.name}"
        if config.hotwords and not engine.capabilities.hotwords:
            del config.hotwords[:]
            diagnostics.ignore("config.adaptation")
            diagnostics.warn([f"The model {engine.model.name} cannot make phrases likelier: they are ignored."])
        send_diagnostics(context, diagnostics)

    def check(self, file_request: FileRequest, audio: bytes) -> None:
        """InvalidField or NotFound("model"), as `recognize` would raise them for this request."""
        self._speech.check(to_native(file_request, audio[:SNIFF_BYTES]).config)

    @contextmanager
    def named(self, names: Mapping[str, str]) -> Iterator[None]:
        """Raise errors of the block in Google's terms: fields by `names`, an unknown model with those that exist."""
        try:
            with with_field_names(names):
                yield
        except NotFound as error:
            if error.kind != "model":
                raise
            known = ", ".join(engine.model.name for engine in self._models.engines if engine.files.present)
            raise NotFound(
                "model", error.name.removeprefix("models/")[:100], f"There are default and {known}."
            ) from error
