"""Google Cloud's Speech v2 over the one servicer."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, NoReturn

import grpc
from google.protobuf.message import Message
from voicebox.foreign.google import speech_v2_pb2 as google
from voicebox.foreign.google import speech_v2_pb2_grpc
from voicebox_kit import principal
from voicebox_kit.errors import InvalidField, Unsupported, VoiceboxError
from voicebox_kit.status import to_status

from voicebox_asr.api import request_stream
from voicebox_asr.api.servicer import SpeechToTextServicer

from . import v2_request, v2_responses
from .call import GoogleCall
from .operation_store import Operation, Operations
from .operations import to_proto
from .shared_request import ParsedRequest
from .stream import to_stream

GOOGLE_V2_SERVICE = "google.cloud.speech.v2.Speech"

Context = grpc.aio.ServicerContext[Any, Any]


class GoogleSpeechV2Servicer(speech_v2_pb2_grpc.SpeechServicer):
    """The google.cloud.speech.v2.Speech, as of google-cloud-speech 2.41.0, with the recognizer `_` alone."""

    def __init__(
        self, call: GoogleCall, speech: SpeechToTextServicer, operations: Operations, idle_seconds: float
    ) -> None:
        self._call, self._speech, self._operations, self._idle_seconds = call, speech, operations, idle_seconds

    async def Recognize(self, request: google.RecognizeRequest, context: Context) -> google.RecognizeResponse:
        v2_request.parent_of(request.recognizer)
        with self._call.named(v2_request.NAMES):
            asked = v2_request.parse(request.config, request.config_mask)
            self._call.follow(asked.config, context)
            heard = await self._call.recognize(asked, v2_request.content(request), context)
        return google.RecognizeResponse(results=v2_responses.results(heard, asked.wishes))

    async def BatchRecognize(self, request: google.BatchRecognizeRequest, context: Context) -> Any:
        """Start recognising recordings; errors in their configs are raised at once, errors of a file are in its
        result.
        """
        recognizer, size_bytes = request.recognizer, request.ByteSize()
        parent = v2_request.parent_of(recognizer)
        with self._call.named(v2_request.FILE_NAMES):
            batch = await asyncio.to_thread(v2_request.to_batch, request)
            for asked, audio in batch.values():
                self._call.follow(asked.config, context)
                self._call.check(asked, audio)

        def metadata(operation: Operation) -> Message:
            return _metadata(operation, recognizer)

        async def work() -> Message:
            return google.BatchRecognizeResponse(
                results={
                    uri: await self._file(operation.name, asked, audio, context)
                    for uri, (asked, audio) in batch.items()
                }
            )

        operation = self._operations.begin(parent, principal.owner(context), size_bytes, metadata, work)
        return to_proto(operation)

    async def StreamingRecognize(
        self, request_iterator: AsyncIterator[google.StreamingRecognizeRequest], context: Context
    ) -> AsyncGenerator[google.StreamingRecognizeResponse]:
        async with aclosing(request_stream.patient(aiter(request_iterator), self._idle_seconds)) as requests:
            first = await anext(requests, None)
            if first is None or not first.HasField("streaming_config"):
                raise InvalidField(
                    "streaming_config", "The first message must be the streaming_config.", "CONFIG_FIRST"
                )
            v2_request.parent_of(first.recognizer)
            with self._call.named(v2_request.STREAM_NAMES):
                asked = v2_request.to_stream(first.streaming_config)
                self._call.follow(asked.config.recognition, context)
                stream = to_stream(asked, _audio(requests))
                async with aclosing(stream), aclosing(self._speech.StreamingRecognize(stream, context)) as events:
                    async for happened in events:
                        if told := v2_responses.event(happened, asked):
                            yield told

    async def _file(
        self, name: str, asked: ParsedRequest, audio: bytes, context: Context
    ) -> google.BatchRecognizeFileResult:
        try:
            with self._call.named(v2_request.FILE_NAMES):
                heard = await self._call.recognize(asked, audio, context)
        except VoiceboxError as error:
            return google.BatchRecognizeFileResult(error=to_status(error, name))
        transcript = google.BatchRecognizeResults(results=v2_responses.results(heard, asked.wishes))
        # `transcript` is where programs from before 2023 look for it.
        return google.BatchRecognizeFileResult(
            inline_result=google.InlineResult(transcript=transcript), transcript=transcript
        )

    async def _not_kept(self, request: Message, context: Context) -> NoReturn:
        sentence = (
            "Recognizers, phrase sets, custom classes and settings are not stored here: "
            "use recognizers/_ with a config in each request."
        )
        raise Unsupported("RESOURCES_NOT_KEPT", sentence)

    CreateRecognizer = GetRecognizer = ListRecognizers = UpdateRecognizer = DeleteRecognizer = UndeleteRecognizer = (
        _not_kept
    )
    CreateCustomClass = GetCustomClass = ListCustomClasses = UpdateCustomClass = DeleteCustomClass = (
        UndeleteCustomClass
    ) = _not_kept
    CreatePhraseSet = GetPhraseSet = ListPhraseSets = UpdatePhraseSet = DeletePhraseSet = UndeletePhraseSet = _not_kept
    GetConfig = UpdateConfig = _not_kept


async def _audio(requests: AsyncIterator[google.StreamingRecognizeRequest]) -> AsyncGenerator[bytes]:
    async for request in requests:
        if request.HasField("streaming_config"):
            raise InvalidField(
                "streaming_config", "Only the first message may be the streaming_config.", "CONFIG_TWICE"
            )
        if request.audio:
            yield request.audio


def _metadata(operation: Operation, recognizer: str) -> google.OperationMetadata:
    told = google.OperationMetadata(
        resource=recognizer,
        method="google.cloud.speech.v2.Speech.BatchRecognize",
        progress_percent=0 if operation.ended_at is None else 100,
    )
    told.create_time.FromMilliseconds(round(1000 * operation.began_at))
    told.update_time.FromMilliseconds(round(1000 * (operation.ended_at or operation.began_at)))
    return told
