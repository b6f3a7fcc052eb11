"""OpenAI's transcription and translation APIs over the one recogniser.

https://platform.openai.com/docs/api-reference/audio/createTranscription
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeVar

import grpc
from google.api.httpbody_pb2 import HttpBody
from voicebox.asr.v1 import asr_pb2
from voicebox.openai.v1 import openai_pb2, openai_pb2_grpc
from voicebox_audio.decoding.decoder import Decoder
from voicebox_compat import openai
from voicebox_compat.openai import Diagnostics, InvalidParameter
from voicebox_kit.errors import InvalidField

from voicebox_asr.api import request_stream
from voicebox_asr.api.requests import to_job
from voicebox_asr.api.servicer import UPLOAD_STALL_SECONDS
from voicebox_asr.audio import source
from voicebox_asr.engine import Engine, Hypothesis
from voicebox_asr.job import Job
from voicebox_asr.recognition.files import FILE_LIMITS
from voicebox_asr.recognition.recognizer import Recognizer
from voicebox_asr.recognition.transcription import SpeakerSearch, transcribe
from voicebox_asr.records.disk_quota import DiskQuota
from voicebox_asr.results.transcript import Transcript

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
FindSpeakers = Callable[[Job], SpeakerSearch | None]
Context = grpc.aio.ServicerContext[Any, Any]


class OpenAiTranscriptionServicer(openai_pb2_grpc.OpenAiTranscriptionServiceServicer):
    """The voicebox.openai.v1.OpenAiTranscriptionService."""

    def __init__(
        self, recognizer: Recognizer, decoder: Decoder, quota: DiskQuota, speaker_search: FindSpeakers
    ) -> None:
        self._recognizer, self._decoder, self._quota, self._speaker_search = recognizer, decoder, quota, speaker_search

    async def CreateTranscription(
        self, request_iterator: AsyncIterator[openai_pb2.CreateTranscriptionRequest], context: Context
    ) -> AsyncGenerator[openai_pb2.CreateTranscriptionResponse]:
        diagnostics = Diagnostics()
        diagnostics.ignore_query(context)
        answer = self._answer(request_iterator, diagnostics, translate=False)
        async with aclosing(openai.with_headers(answer, context, PARAMS, diagnostics)) as bodies:
            async for body in bodies:
                yield openai_pb2.CreateTranscriptionResponse(body=body)

    async def CreateTranslation(
        self, request_iterator: AsyncIterator[openai_pb2.CreateTranslationRequest], context: Context
    ) -> AsyncGenerator[openai_pb2.CreateTranslationResponse]:
        diagnostics = Diagnostics()
        diagnostics.ignore_query(context)
        answer = self._answer(request_iterator, diagnostics, translate=True)
        async with aclosing(openai.with_headers(answer, context, PARAMS, diagnostics)) as bodies:
            async for body in bodies:
                yield openai_pb2.CreateTranslationResponse(body=body)

    async def _answer(
        self, requests: AsyncIterator[Request], diagnostics: Diagnostics, *, translate: bool
    ) -> AsyncGenerator[HttpBody]:
        async with aclosing(request_stream.patient(aiter(requests), UPLOAD_STALL_SECONDS)) as patient:
            first = await anext(patient, None)
            body = first.body if first else HttpBody()
            async with open_upload(
                body.content_type, _pieces(body.data, patient), self._quota, FILE_LIMITS.max_bytes
            ) as upload:
                request = await self._first_request(upload, translate=translate)
                bodies = (
                    self._events(upload, diagnostics, translate=translate)
                    if request.stream
                    else self._whole(upload, request, diagnostics)
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
        names = [engine.model.name for engine in self._recognizer.models.engines]
        return openai_request.read(upload.fields, diagnostics, names, translate=translate)

    async def _whole(
        self, upload: Upload, request: TranscriptionRequest, diagnostics: Diagnostics
    ) -> AsyncGenerator[HttpBody]:
        """Recognise the file while it arrives, and again if a later field changes how; it may also ask for events."""
        transcript = await self._recognize(upload, request, Diagnostics())
        await upload.whole()
        final_request = self._read(upload, diagnostics, translate=request.translate)
        if self._supported(final_request, diagnostics) != self._supported(request, Diagnostics()):
            transcript = await self._recognize(upload, final_request, diagnostics)
        diagnostics.warn(warning.sentence for warning in transcript.warnings)
        if not final_request.stream:
            yield await asyncio.to_thread(responses.answer, transcript, final_request)
            return
        for event in responses.deltas(transcript):
            yield event
        for event in responses.segments(transcript, final_request):
            yield event
        yield responses.done(transcript, diagnostics)

    async def _events(self, upload: Upload, diagnostics: Diagnostics, *, translate: bool) -> AsyncGenerator[HttpBody]:
        """Begins when the form is complete: an event cannot be taken back."""
        await upload.whole()
        request = self._read(upload, diagnostics, translate=translate)
        hypotheses: asyncio.Queue[Hypothesis | None] = asyncio.Queue()
        recognizing = asyncio.create_task(self._recognize(upload, request, diagnostics, hypotheses))
        try:
            is_first = True
            while (hypothesis := await hypotheses.get()) is not None:
                if hypothesis.text:
                    yield responses.delta(hypothesis, is_first=is_first)
                    is_first = False
            transcript = await recognizing
            diagnostics.warn(warning.sentence for warning in transcript.warnings)
            for event in responses.segments(transcript, request):
                yield event
            yield responses.done(transcript, diagnostics)
        finally:
            recognizing.cancel()
            await asyncio.gather(recognizing, return_exceptions=True)

    async def _recognize(
        self,
        upload: Upload,
        request: TranscriptionRequest,
        diagnostics: Diagnostics,
        hypotheses: asyncio.Queue[Hypothesis | None] | None = None,
    ) -> Transcript:
        try:
            engine = self._engine(request)
            job = to_job(self._supported(request, diagnostics), engine, "config")
            blocks = upload.blocks()
            sound = source.SampleSource(blocks, None, self._decoder, FILE_LIMITS)
            async with aclosing(blocks), aclosing(sound):
                on_hypothesis = hypotheses.put_nowait if hypotheses else None
                speakers = self._speaker_search(job)
                transcript = await transcribe(self._recognizer, engine, sound, job.options, speakers, on_hypothesis)
                return replace(transcript, warnings=(*transcript.warnings, *sound.warnings))
        finally:
            if hypotheses:
                hypotheses.put_nowait(None)

    def _engine(self, request: TranscriptionRequest) -> Engine:
        models = self._recognizer.models
        engine = models.find(request.config.model) if request.config.model else models.default
        if request.translate and not engine.capabilities.translates:
            raise InvalidParameter("model", f"The model {engine.model.name} cannot translate.", "UNSUPPORTED_BY_ENGINE")
        return engine

    def _supported(self, request: TranscriptionRequest, diagnostics: Diagnostics) -> asr_pb2.RecognitionConfig:
        """The config without the hints that the model cannot follow; these are noted."""
        config = asr_pb2.RecognitionConfig()
        config.CopyFrom(request.config)
        engine = self._engine(request)
        while (refused := _refused(config, engine)) is not None:
            hint = refused.field.removeprefix("config.").partition(".")[0]
            if refused.reason != "UNSUPPORTED_BY_ENGINE" or hint not in HINTS:
                raise refused
            config.ClearField(hint)  # type: ignore[arg-type]  # the stubs know literal names only
            diagnostics.ignore(PARAMS.get(refused.field, hint))
        return config


def _refused(config: asr_pb2.RecognitionConfig, engine: Engine) -> InvalidField | None:
    """The error with which the model refuses a config, if it does."""
    try:
        to_job(config, engine, "config")
    except InvalidField as error:
        return error
    return None


async def _pieces(first: bytes, requests: AsyncIterator[Request]) -> AsyncGenerator[bytes]:
    yield first
    async for request in requests:
        yield request.body.data
