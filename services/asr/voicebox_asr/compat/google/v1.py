"""Google Cloud's Speech v1 over the one servicer."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from voicebox.compat.google import speech_v1_pb2 as google
from voicebox.compat.google import speech_v1_pb2_grpc
from voicebox_kit import principal, uploads
from voicebox_kit.errors import InvalidField

from voicebox_asr.api.servicer import SpeechToTextServicer

from . import v1_request, v1_responses
from .call import GoogleCall
from .operation_store import Operation, Operations
from .operations import to_proto
from .stream import to_stream

GOOGLE_V1_SERVICE = "google.cloud.speech.v1.Speech"
GOOGLE_BETA_SERVICE = "google.cloud.speech.v1p1beta1.Speech"
"""Its messages are those of v1 on the wire."""

Context = grpc.aio.ServicerContext[Any, Any]


class GoogleSpeechV1Servicer(speech_v1_pb2_grpc.SpeechServicer):
    """The google.cloud.speech.v1.Speech, as in google-cloud-speech 2.41.0."""

    def __init__(
        self,
        call: GoogleCall,
        speech: SpeechToTextServicer,
        operations: Operations,
        idle_seconds: float,
        *,
        is_beta: bool = False,
    ) -> None:
        """`is_beta`: messages within operations are named as in v1p1beta1."""
        self._call, self._speech, self._operations, self._idle_seconds = call, speech, operations, idle_seconds
        self._named = _as_beta if is_beta else _as_it_is

    async def Recognize(self, request: google.RecognizeRequest, context: Context) -> google.RecognizeResponse:
        with self._call.named(v1_request.NAMES):
            file_request = v1_request.to_file_request(request.config)
            self._call.follow(file_request.config, context)
            response = await self._call.recognize(file_request, v1_request.content(request.audio), context)
        return google.RecognizeResponse(results=v1_responses.results(response, file_request.output))

    async def LongRunningRecognize(self, request: google.LongRunningRecognizeRequest, context: Context) -> Any:
        """Start recognising a recording; an error in its config is raised at once."""
        with self._call.named(v1_request.NAMES):
            file_request, audio = v1_request.to_file_request(request.config), v1_request.content(request.audio)
            v1_request.refuse_output(request)
            self._call.follow(file_request.config, context)
            self._call.check(file_request, audio)

        async def work() -> Message:
            with self._call.named(v1_request.NAMES):
                response = await self._call.recognize(file_request, audio, context)
            return self._named(
                google.LongRunningRecognizeResponse(results=v1_responses.results(response, file_request.output))
            )

        def metadata(operation: Operation) -> Message:
            return self._named(_metadata(operation))

        return to_proto(self._operations.begin("", principal.owner(context), len(audio), metadata, work))

    async def StreamingRecognize(
        self, request_iterator: AsyncIterator[google.StreamingRecognizeRequest], context: Context
    ) -> AsyncGenerator[google.StreamingRecognizeResponse]:
        async with aclosing(uploads.patient(aiter(request_iterator), self._idle_seconds)) as requests:
            first = await anext(requests, None)
            if first is None or not first.HasField("streaming_config"):
                raise InvalidField(
                    "streaming_config", "The first message must be the streaming_config.", "CONFIG_FIRST"
                )
            with self._call.named(v1_request.STREAM_NAMES):
                stream_request = v1_request.to_stream_request(first.streaming_config)
                self._call.follow(stream_request.config.recognition, context)
                stream = to_stream(stream_request, _audio(requests))
                async with aclosing(stream), aclosing(self._speech.StreamingRecognize(stream, context)) as events:
                    async for happened in events:
                        for response in v1_responses.events(happened, stream_request):
                            yield response
                        if stream_request.single and happened.HasField("final"):
                            return


async def _audio(requests: AsyncIterator[google.StreamingRecognizeRequest]) -> AsyncGenerator[bytes]:
    async for request in requests:
        if request.HasField("streaming_config"):
            raise InvalidField(
                "streaming_config", "Only the first message may be the streaming_config.", "CONFIG_TWICE"
            )
        if request.audio_content:
            yield request.audio_content


def _metadata(operation: Operation) -> Message:
    metadata = google.LongRunningRecognizeMetadata(progress_percent=0 if operation.ended_at is None else 100)
    metadata.start_time.FromMilliseconds(round(1000 * operation.began_at))
    metadata.last_update_time.FromMilliseconds(round(1000 * (operation.ended_at or operation.began_at)))
    return metadata


def _as_it_is(message: Message) -> Message:
    return message


def _as_beta(message: Message) -> Message:
    packed = any_pb2.Any()
    packed.Pack(message)
    packed.type_url = packed.type_url.replace("google.cloud.speech.v1.", "google.cloud.speech.v1p1beta1.")
    return packed
