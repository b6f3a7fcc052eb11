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
from voicebox_asr.api.requests import Recognition, to_recognition
from voicebox_asr.api.servicer import UPLOAD_STALL_SECONDS
from voicebox_asr.audio import source
from voicebox_asr.engine import Engine, Heard
from voicebox_asr.recognition.files import FILE_LIMITS
from voicebox_asr.recognition.recognizer import Recognizer
from voicebox_asr.recognition.transcription import SpeakerSearch, Transcript, transcribe
from voicebox_asr.records.disk_quota import Space

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
"""Fields of a config that are dropped when the model does not support them."""

Request = TypeVar("Request", openai_pb2.CreateTranscriptionRequest, openai_pb2.CreateTranslationRequest)
FindSpeakers = Callable[[Recognition], SpeakerSearch | None]
Context = grpc.aio.ServicerContext[Any, Any]


class OpenAiTranscriptionServicer(openai_pb2_grpc.OpenAiTranscriptionServiceServicer):
    """The voicebox.openai.v1.OpenAiTranscriptionService."""

    def __init__(self, recognizer: Recognizer, decoder: Decoder, space: Space, speaker_search: FindSpeakers) -> None:
        self._recognizer, self._decoder, self._space, self._speaker_search = recognizer, decoder, space, speaker_search

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
                body.content_type, _pieces(body.data, patient), self._space, FILE_LIMITS.max_bytes
            ) as upload:
                asked = await self._first_asked(upload, translate=translate)
                bodies = (
                    self._events(upload, diagnostics, translate=translate)
                    if asked.stream
                    else self._whole(upload, asked, diagnostics)
                )
                async with aclosing(bodies):
                    async for each in bodies:
                        yield each

    async def _first_asked(self, upload: Upload, *, translate: bool) -> TranscriptionRequest:
        """What is asked, as soon as it is likely to be all.

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
        self, upload: Upload, asked: TranscriptionRequest, diagnostics: Diagnostics
    ) -> AsyncGenerator[HttpBody]:
        """Hears the file while it comes; once more, if a field that comes after it changes how. It may also ask for
        events.
        """
        heard = await self._hear(upload, asked, Diagnostics())
        await upload.whole()
        meant = self._read(upload, diagnostics, translate=asked.translate)
        if self._followed(meant, diagnostics) != self._followed(asked, Diagnostics()):
            heard = await self._hear(upload, meant, diagnostics)
        diagnostics.warn(notice.sentence for notice in heard.notices)
        if not meant.stream:
            yield await asyncio.to_thread(responses.answer, heard, meant)
            return
        for event in responses.deltas(heard):
            yield event
        for event in responses.segments(heard, meant):
            yield event
        yield responses.done(heard, diagnostics)

    async def _events(self, upload: Upload, diagnostics: Diagnostics, *, translate: bool) -> AsyncGenerator[HttpBody]:
        """Begins when all of the form is here: an event cannot be taken back."""
        await upload.whole()
        asked = self._read(upload, diagnostics, translate=translate)
        told: asyncio.Queue[Heard | None] = asyncio.Queue()
        hearing = asyncio.create_task(self._hear(upload, asked, diagnostics, told))
        try:
            is_first = True
            while (heard := await told.get()) is not None:
                if heard.text:
                    yield responses.delta(heard, is_first=is_first)
                    is_first = False
            transcript = await hearing
            diagnostics.warn(notice.sentence for notice in transcript.notices)
            for event in responses.segments(transcript, asked):
                yield event
            yield responses.done(transcript, diagnostics)
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)

    async def _hear(
        self,
        upload: Upload,
        asked: TranscriptionRequest,
        diagnostics: Diagnostics,
        told: asyncio.Queue[Heard | None] | None = None,
    ) -> Transcript:
        try:
            engine = self._engine(asked)
            recognition = to_recognition(self._followed(asked, diagnostics), engine, "config")
            blocks = upload.blocks()
            sound = source.Sound(blocks, None, self._decoder, FILE_LIMITS)
            async with aclosing(blocks), aclosing(sound):
                tell = told.put_nowait if told else None
                speakers = self._speaker_search(recognition)
                heard = await transcribe(self._recognizer, engine, sound, recognition.options, speakers, tell)
                return replace(heard, notices=(*heard.notices, *sound.notices))
        finally:
            if told:
                told.put_nowait(None)

    def _engine(self, asked: TranscriptionRequest) -> Engine:
        models = self._recognizer.models
        engine = models.find(asked.config.model) if asked.config.model else models.default
        if asked.translate and not engine.capabilities.translates:
            raise InvalidParameter("model", f"The model {engine.model.name} cannot translate.", "UNSUPPORTED_BY_ENGINE")
        return engine

    def _followed(self, asked: TranscriptionRequest, diagnostics: Diagnostics) -> asr_pb2.RecognitionConfig:
        """The config without the hints that the model cannot follow; these are noted."""
        config = asr_pb2.RecognitionConfig()
        config.CopyFrom(asked.config)
        engine = self._engine(asked)
        while (refused := _refused(config, engine)) is not None:
            hint = refused.field.removeprefix("config.").partition(".")[0]
            if refused.reason != "UNSUPPORTED_BY_ENGINE" or hint not in HINTS:
                raise refused
            config.ClearField(hint)  # type: ignore[arg-type]  # the stubs know literal names only
            diagnostics.ignore(PARAMS.get(refused.field, hint))
        return config


def _refused(config: asr_pb2.RecognitionConfig, engine: Engine) -> InvalidField | None:
    """What the model says to a config, if it refuses it."""
    try:
        to_recognition(config, engine, "config")
    except InvalidField as error:
        return error
    return None


async def _pieces(first: bytes, requests: AsyncIterator[Request]) -> AsyncGenerator[bytes]:
    yield first
    async for request in requests:
        yield request.body.data
