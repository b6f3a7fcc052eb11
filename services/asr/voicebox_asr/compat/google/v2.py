"""Google Cloud's Speech v2 over the one servicer."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, NoReturn

import grpc
from google.protobuf.message import Message
from voicebox.compat.google import speech_v2_pb2 as google
from voicebox.compat.google import speech_v2_pb2_grpc
from voicebox_kit import principal, uploads
from voicebox_kit.errors import InvalidField, Unsupported, VoiceboxError
from voicebox_kit.status import to_status

from voicebox_asr.api.servicer import SpeechToTextServicer

from . import v2_request, v2_responses
from .call import GoogleCall
from .operation_store import Operation, Operations
from .operations import to_proto
from .shared_request import FileRequest
from .stream import to_stream

GOOGLE_V2_SERVICE = "google.cloud.speech.v2.Speech"

Context = grpc.aio.ServicerContext[Any, Any]


class GoogleSpeechV2Servicer(speech_v2_pb2_grpc.SpeechServicer):
    """The google.cloud.speech.v2.Speech, as in google-cloud-speech 2.41.0, with the recognizer `_` only."""

    def __init__(
        self, call: GoogleCall, speech: SpeechToTextServicer, operations: Operations, idle_seconds: float
    ) -> None:
        self._call, self._speech, self._operations, self._idle_seconds = call, speech, operations, idle_seconds

    async def Recognize(self, request: google.RecognizeRequest, context: Context) -> google.RecognizeResponse:
        v2_request.parent_of(request.recognizer)
        with self._call.named(v2_request.NAMES):
            file_request = v2_request.to_file_request(request.config, request.config_mask)
            self._call.follow(file_request.config, context)
            response = await self._call.recognize(file_request, v2_request.content(request), context)
        return google.RecognizeResponse(results=v2_responses.results(response, file_request.output))

    async def BatchRecognize(self, request: google.BatchRecognizeRequest, context: Context) -> Any:
        """Start recognising recordings; an error in a config is raised at once, an error in a file is in its result."""
        recognizer, size_bytes = request.recognizer, request.ByteSize()
        parent = v2_request.parent_of(recognizer)
        with self._call.named(v2_request.FILE_NAMES):
            batch = await asyncio.to_thread(v2_request.to_batch, request)
            for file_request, audio in batch.values():
                self._call.follow(file_request.config, context)
                self._call.check(file_request, audio)

        def metadata(operation: Operation) -> Message:
            return _metadata(operation, recognizer)

        async def work() -> Message:
            return google.BatchRecognizeResponse(
                results={
                    uri: await self._file(operation.name, file_request, audio, context)
                    for uri, (file_request, audio) in batch.items()
                }
            )

        operation = self._operations.begin(parent, principal.owner(context), size_bytes, metadata, work)
        return to_proto(operation)

    async def StreamingRecognize(
        self, request_iterator: AsyncIterator[google.StreamingRecognizeRequest], context: Context
    ) -> AsyncGenerator[google.StreamingRecognizeResponse]:
        async with aclosing(uploads.patient(aiter(request_iterator), self._idle_seconds)) as requests:
            first = await anext(requests, None)
            if first is None or not first.HasField("streaming_config"):
                raise InvalidField(
                    "streaming_config", "The first message must be the streaming_config.", "CONFIG_FIRST"
                )
            v2_request.parent_of(first.recognizer)
            with self._call.named(v2_request.STREAM_NAMES):
                stream_request = v2_request.to_stream_request(first.streaming_config)
                self._call.follow(stream_request.config.recognition, context)
                stream = to_stream(stream_request, _audio(requests))
                async with aclosing(stream), aclosing(self._speech.StreamingRecognize(stream, context)) as events:
                    async for happened in events:
                        if response := v2_responses.event(happened, stream_request):
                            yield response

    async def _file(
        self, name: str, file_request: FileRequest, audio: bytes, context: Context
    ) -> google.BatchRecognizeFileResult:
        try:
            with self._call.named(v2_request.FILE_NAMES):
                response = await self._call.recognize(file_request, audio, context)
        except VoiceboxError as error:
            return google.BatchRecognizeFileResult(error=to_status(error, name))
        transcript = google.BatchRecognizeResults(results=v2_responses.results(response, file_request.output))
        # `transcript` is where programs from before 2023 look for it.
        return google.BatchRecognizeFileResult(
            inline_result=google.InlineResult(transcript=transcript), transcript=transcript
        )

    async def _not_stored(self, request: Message, context: Context) -> NoReturn:
        sentence = (
            "Recognizers, phrase sets, custom classes and settings are not stored here: "
            "use recognizers/_ with a config in each request."
        )
        raise Unsupported("RESOURCES_NOT_KEPT", sentence)

    CreateRecognizer = GetRecognizer = ListRecognizers = UpdateRecognizer = DeleteRecognizer = UndeleteRecognizer = (
        _not_stored
    )
    CreateCustomClass = GetCustomClass = ListCustomClasses = UpdateCustomClass = DeleteCustomClass = (
        UndeleteCustomClass
    ) = _not_stored
    CreatePhraseSet = GetPhraseSet = ListPhraseSets = UpdatePhraseSet = DeletePhraseSet = UndeletePhraseSet = (
        _not_stored
    )
    GetConfig = UpdateConfig = _not_stored


async def _audio(requests: AsyncIterator[google.StreamingRecognizeRequest]) -> AsyncGenerator[bytes]:
    async for request in requests:
        if request.HasField("streaming_config"):
            raise InvalidField(
                "streaming_config", "Only the first message may be the streaming_config.", "CONFIG_TWICE"
            )
        if request.audio:
            yield request.audio


def _metadata(operation: Operation, recognizer: str) -> google.OperationMetadata:
    metadata = google.OperationMetadata(
        resource=recognizer,
        method="google.cloud.speech.v2.Speech.BatchRecognize",
        progress_percent=0 if operation.ended_at is None else 100,
    )
    metadata.create_time.FromMilliseconds(round(1000 * operation.began_at))
    metadata.update_time.FromMilliseconds(round(1000 * (operation.ended_at or operation.began_at)))
    return metadata
