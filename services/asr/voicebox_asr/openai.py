"""OpenAI's transcription and translation APIs over the one recogniser.

https://platform.openai.com/docs/api-reference/audio/createTranscription
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, TypeVar

import grpc
from google.api.httpbody_pb2 import HttpBody
from voicebox.openai.v1 import openai_pb2, openai_pb2_grpc
from voicebox_kit import openai
from voicebox_kit.errors import InvalidField
from voicebox_sound.decoder import Decoder

from . import intake, openai_answers, openai_request, source
from .engine import Heard
from .files import FILE_LIMITS
from .openai_request import TranscriptionRequest
from .openai_upload import Upload, open_upload
from .recognition import Recognizer
from .requests import to_recognition
from .servicer import UPLOAD_STALL_SECONDS
from .space import Space
from .transcription import Transcript, transcribe

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

Request = TypeVar("Request", openai_pb2.CreateTranscriptionRequest, openai_pb2.CreateTranslationRequest)
Context = grpc.aio.ServicerContext[Any, Any]


class OpenAiTranscriptionServicer(openai_pb2_grpc.OpenAiTranscriptionServiceServicer):
    """The voicebox.openai.v1.OpenAiTranscriptionService."""

    def __init__(self, recognizer: Recognizer, decoder: Decoder, space: Space) -> None:
        self._recognizer, self._decoder, self._space = recognizer, decoder, space

    async def CreateTranscription(
        self, request_iterator: AsyncIterator[openai_pb2.CreateTranscriptionRequest], context: Context
    ) -> AsyncGenerator[openai_pb2.CreateTranscriptionResponse]:
        async with aclosing(openai.answered(self._answer(request_iterator, translate=False), context, PARAMS)) as bodies:
            async for body in bodies:
                yield openai_pb2.CreateTranscriptionResponse(body=body)

    async def CreateTranslation(
        self, request_iterator: AsyncIterator[openai_pb2.CreateTranslationRequest], context: Context
    ) -> AsyncGenerator[openai_pb2.CreateTranslationResponse]:
        async with aclosing(openai.answered(self._answer(request_iterator, translate=True), context, PARAMS)) as bodies:
            async for body in bodies:
                yield openai_pb2.CreateTranslationResponse(body=body)

    async def _answer(self, requests: AsyncIterator[Request], *, translate: bool) -> AsyncGenerator[HttpBody]:
        async with aclosing(intake.patient(aiter(requests), UPLOAD_STALL_SECONDS)) as patient:
            first = await anext(patient, None)
            body = first.body if first else HttpBody()
            async with open_upload(body.content_type, _pieces(body.data, patient), self._space, FILE_LIMITS.max_bytes) as upload:
                asked = await _first_asked(upload, translate=translate)
                if asked.stream:
                    async with aclosing(self._events(upload, translate=translate)) as events:
                        async for event in events:
                            yield event
                else:
                    yield await self._whole(upload, asked)

    async def _whole(self, upload: Upload, asked: TranscriptionRequest) -> HttpBody:
        """Hears the file while it comes; once more, if a field that comes after it changes how."""
        heard = await self._hear(upload, asked)
        await upload.whole()
        meant = openai_request.read(upload.fields, translate=asked.translate)
        if meant.config != asked.config:
            heard = await self._hear(upload, meant)
        return await asyncio.to_thread(openai_answers.answer, heard, meant)

    async def _events(self, upload: Upload, *, translate: bool) -> AsyncGenerator[HttpBody]:
        """Begins when all of the form is here: an event cannot be taken back."""
        await upload.whole()
        asked = openai_request.read(upload.fields, translate=translate)
        told: asyncio.Queue[Heard | None] = asyncio.Queue()
        hearing = asyncio.create_task(self._hear(upload, asked, told))
        try:
            is_first = True
            while (heard := await told.get()) is not None:
                if heard.text:
                    yield openai_answers.delta(heard, is_first=is_first)
                    is_first = False
            yield openai_answers.done(await hearing)
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)

    async def _hear(self, upload: Upload, asked: TranscriptionRequest, told: asyncio.Queue[Heard | None] | None = None) -> Transcript:
        models = self._recognizer.models
        engine = models.find(asked.config.model) if asked.config.model else models.default
        if asked.translate and not engine.capabilities.translates:
            raise InvalidField("model", f"The model {engine.model.name} cannot translate.", "UNSUPPORTED_BY_ENGINE")
        recognition = to_recognition(asked.config, engine, "config")
        blocks = upload.blocks()
        sound = source.samples(blocks, None, self._decoder, FILE_LIMITS)
        try:
            async with aclosing(blocks), aclosing(sound):
                tell = told.put_nowait if told else None
                return await transcribe(self._recognizer, engine, sound, recognition.options, tell=tell)
        finally:
            if told:
                told.put_nowait(None)


async def _first_asked(upload: Upload, *, translate: bool) -> TranscriptionRequest:
    """What is asked, as soon as it is likely to be all: OpenAI's clients name the model, and before the file if they name it all there."""
    await upload.begun()
    if "model" not in upload.fields:
        await upload.whole()
    try:
        return openai_request.read(upload.fields, translate=translate)
    except InvalidField:
        await upload.whole()  # a field that follows may put it right
        return openai_request.read(upload.fields, translate=translate)


async def _pieces(first: bytes, requests: AsyncIterator[Request]) -> AsyncGenerator[bytes]:
    yield first
    async for request in requests:
        yield request.body.data
