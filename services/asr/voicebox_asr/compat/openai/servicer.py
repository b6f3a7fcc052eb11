"""OpenAI's transcription and translation APIs over the one servicer.

https://platform.openai.com/docs/api-reference/audio/createTranscription
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, TypeVar

import grpc
from google.api.httpbody_pb2 import HttpBody
from voicebox.asr.v1 import asr_pb2
from voicebox.compat.openai.v1 import openai_pb2, openai_pb2_grpc
from voicebox_compat import openai
from voicebox_compat.openai import Diagnostics, InvalidParameter
from voicebox_kit import uploads
from voicebox_kit.disk_quota import DiskQuota
from voicebox_kit.errors import InvalidField
from voicebox_models.models import Models

from voicebox_asr.api.servicer import UPLOAD_STALL_SECONDS, SpeechToTextServicer
from voicebox_asr.compat.hints import warn_of
from voicebox_asr.engine import Engine

from . import request as openai_request
from . import responses
from .request import TranscriptionRequest
from .upload import Upload, open_upload

PARAMS = {
    "audio": "file",
    "config": "",
    "body": "",
    "content-type": "",
    "config.language": "language",
    "config.prompt": "prompt",
    "config.decoding": "temperature",
    "config.decoding.temperatures": "temperature",
    "config.voice_activity.threshold": "chunking_strategy",
}

HINTS = ("prompt", "decoding", "voice_activity", "hotwords")
"""Fields of a config that are left out for a model that cannot follow them."""

Request = TypeVar("Request", openai_pb2.CreateTranscriptionRequest, openai_pb2.CreateTranslationRequest)
Context = grpc.aio.ServicerContext[Any, Any]


class OpenAiTranscriptionServicer(openai_pb2_grpc.OpenAiTranscriptionServiceServicer):
    """The voicebox.compat.openai.v1.OpenAiTranscriptionService."""

    def __init__(
        self, speech: SpeechToTextServicer, models: Models[Engine], quota: DiskQuota, max_file_bytes: int
    ) -> None:
        self._speech, self._models, self._quota, self._max_file_bytes = speech, models, quota, max_file_bytes

    async def CreateTranscription(
        self, request_iterator: AsyncIterator[openai_pb2.CreateTranscriptionRequest], context: Context
    ) -> AsyncGenerator[openai_pb2.CreateTranscriptionResponse]:
        diagnostics = Diagnostics()
        diagnostics.ignore_query(context)
        answer = self._answer(request_iterator, context, diagnostics, translate=False)
        async with aclosing(openai.with_headers(answer, context, PARAMS, diagnostics)) as bodies:
            async for body in bodies:
                yield openai_pb2.CreateTranscriptionResponse(body=body)

    async def CreateTranslation(
        self, request_iterator: AsyncIterator[openai_pb2.CreateTranslationRequest], context: Context
    ) -> AsyncGenerator[openai_pb2.CreateTranslationResponse]:
        diagnostics = Diagnostics()
        diagnostics.ignore_query(context)
        answer = self._answer(request_iterator, context, diagnostics, translate=True)
        async with aclosing(openai.with_headers(answer, context, PARAMS, diagnostics)) as bodies:
            async for body in bodies:
                yield openai_pb2.CreateTranslationResponse(body=body)

    async def _answer(
        self, requests: AsyncIterator[Request], context: Context, diagnostics: Diagnostics, *, translate: bool
    ) -> AsyncGenerator[HttpBody]:
        async with aclosing(uploads.patient(aiter(requests), UPLOAD_STALL_SECONDS)) as patient:
            first = await anext(patient, None)
            body = first.body if first else HttpBody()
            async with open_upload(
                body.content_type, _pieces(body.data, patient), self._quota, self._max_file_bytes
            ) as upload:
                request = await self._first_request(upload, translate=translate)
                bodies = (
                    self._events(upload, context, diagnostics, translate=translate)
                    if request.stream
                    else self._whole(upload, request, context, diagnostics)
                )
                async with aclosing(bodies):
                    async for each in bodies:
                        yield each

    async def _first_request(self, upload: Upload, *, translate: bool) -> TranscriptionRequest:
        """The request, as soon as it is likely to be complete.

        OpenAI's clients name the model, and before the file if they name it all there.
        """
        await upload.begun()
        if "model" not in upload.fields:
            await upload.whole()
        try:
            return self._read(upload, Diagnostics(), translate=translate)
        except InvalidField:
            await upload.whole()  # a field that follows may put it right
            return self._read(upload, Diagnostics(), translate=translate)

    def _read(self, upload: Upload, diagnostics: Diagnostics, *, translate: bool) -> TranscriptionRequest:
        names = [engine.model.name for engine in self._models.engines]
        return openai_request.read(upload.fields, diagnostics, names, translate=translate)

    async def _whole(
        self, upload: Upload, request: TranscriptionRequest, context: Context, diagnostics: Diagnostics
    ) -> AsyncGenerator[HttpBody]:
        """Recognise the file while it arrives, and again if a later field changes how; it may also ask for events."""
        config = self._supported(request, Diagnostics())
        response = await self._recognize(config, upload, context)
        await upload.whole()
        final_request = self._read(upload, diagnostics, translate=request.translate)
        final_config = self._supported(final_request, diagnostics)
        if final_config != config:
            response = await self._recognize(final_config, upload, context)
        warn_of(response, diagnostics)
        if not final_request.stream:
            yield await asyncio.to_thread(responses.answer, response, final_request)
            return
        for event in responses.deltas(response):
            yield event
        for event in responses.segments(response, final_request):
            yield event
        yield responses.done(response, diagnostics)

    async def _events(
        self, upload: Upload, context: Context, diagnostics: Diagnostics, *, translate: bool
    ) -> AsyncGenerator[HttpBody]:
        """Begins when the form is complete: an event cannot be taken back."""
        await upload.whole()
        request = self._read(upload, diagnostics, translate=translate)
        config = self._supported(request, diagnostics)
        hypotheses: asyncio.Queue[asr_pb2.Hypothesis | None] = asyncio.Queue()
        recognizing = asyncio.create_task(self._recognize(config, upload, context, hypotheses))
        try:
            is_first = True
            while (hypothesis := await hypotheses.get()) is not None:
                if hypothesis.transcript:
                    yield responses.delta(hypothesis, is_first=is_first)
                    is_first = False
            response = await recognizing
            warn_of(response, diagnostics)
            for event in responses.segments(response, request):
                yield event
            yield responses.done(response, diagnostics)
        finally:
            recognizing.cancel()
            await asyncio.gather(recognizing, return_exceptions=True)

    async def _recognize(
        self,
        config: asr_pb2.RecognitionConfig,
        upload: Upload,
        context: Context,
        hypotheses: asyncio.Queue[asr_pb2.Hypothesis | None] | None = None,
    ) -> asr_pb2.RecognizeResponse:
        """Recognise the file. `hypotheses` gets each utterance as soon as it is recognised, and None after the last."""
        on_hypothesis = hypotheses.put_nowait if hypotheses else None
        try:
            async with aclosing(_native(config, upload)) as requests:
                return await self._speech.recognize_upload(requests, context, on_hypothesis)
        finally:
            if hypotheses:
                hypotheses.put_nowait(None)

    def _supported(self, request: TranscriptionRequest, diagnostics: Diagnostics) -> asr_pb2.RecognitionConfig:
        """The config without the hints that the model cannot follow; these are noted."""
        model = request.config.model
        engine = self._models.find(model) if model else self._models.default
        if request.translate and not engine.capabilities.translates:
            raise InvalidParameter("model", f"The model {engine.model.name} cannot translate.", "UNSUPPORTED_BY_ENGINE")
        config = asr_pb2.RecognitionConfig()
        config.CopyFrom(request.config)
        while (refused := self._refused(config)) is not None:
            hint = refused.field.removeprefix("config.").partition(".")[0]
            if refused.reason != "UNSUPPORTED_BY_ENGINE" or hint not in HINTS:
                raise refused
            config.ClearField(hint)  # type: ignore[arg-type]  # the stubs know literal names only
            diagnostics.ignore(PARAMS.get(refused.field, hint))
        return config

    def _refused(self, config: asr_pb2.RecognitionConfig) -> InvalidField | None:
        """The error with which the model refuses a config, if it does."""
        try:
            self._speech.check(config)
        except InvalidField as error:
            return error
        return None


async def _native(config: asr_pb2.RecognitionConfig, upload: Upload) -> AsyncGenerator[asr_pb2.RecognizeUploadRequest]:
    """The requests of RecognizeUpload: the config, then the file."""
    yield asr_pb2.RecognizeUploadRequest(config=config)
    async with aclosing(upload.blocks()) as blocks:
        async for block in blocks:
            yield asr_pb2.RecognizeUploadRequest(audio=HttpBody(data=block))


async def _pieces(first: bytes, requests: AsyncIterator[Request]) -> AsyncGenerator[bytes]:
    yield first
    async for request in requests:
        yield request.body.data
