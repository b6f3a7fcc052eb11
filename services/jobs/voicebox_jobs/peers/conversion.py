"""A client of conversion: voice models are published there, and recordings converted."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import grpc
from google.api.httpbody_pb2 import HttpBody
from voicebox.conversion.v1 import conversion_pb2, conversion_pb2_grpc
from voicebox_blobs.blocks import for_messages
from voicebox_kit.errors import Unavailable
from voicebox_kit.peer_calls import metadata_for
from voicebox_kit.uploads import answer_of

from .errors import peer_errors

CALL_SECONDS = 600.0
CONVERT_SECONDS = 86_400.0
"""A job that may take less is ended by its own timeout."""
CONTENT_TYPE = "application/zip"


@dataclass
class Converted:
    """What is known of converted speech when all of it was read."""

    warnings: list[str] = field(default_factory=list)
    is_complete: bool = False


class Conversion:
    """A channel to conversion, made in the event loop that uses it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._speech: conversion_pb2_grpc.ConversionServiceAsyncStub = conversion_pb2_grpc.ConversionServiceStub(
            channel
        )  # type: ignore[assignment]
        self._models: conversion_pb2_grpc.VoiceModelServiceAsyncStub = conversion_pb2_grpc.VoiceModelServiceStub(
            channel
        )  # type: ignore[assignment]

    async def publish(self, archive: AsyncIterator[bytes], request_id: str, owner: str) -> str:
        """Import a `.voicebox-voice` file, once for each request id; the voice model's name. VoiceboxError."""

        async def messages() -> AsyncIterator[conversion_pb2.ImportVoiceModelRequest]:
            yield conversion_pb2.ImportVoiceModelRequest(request_id=request_id)
            async for piece in for_messages(archive):
                body = HttpBody(content_type=CONTENT_TYPE, data=piece)
                yield conversion_pb2.ImportVoiceModelRequest(archive=body)

        with peer_errors("conversion"):
            call = self._models.ImportVoiceModel(messages(), timeout=CALL_SECONDS, metadata=metadata_for(owner))
            return (await answer_of(call)).name

    async def convert(
        self, audio: AsyncIterator[bytes], target: str, owner: str, converted: Converted
    ) -> AsyncIterator[bytes]:
        """The bytes of a WAV file; `converted` is filled on the way. VoiceboxError."""
        config = conversion_pb2.ConversionConfig(target=target)

        async def messages() -> AsyncIterator[conversion_pb2.ConvertSpeechRequest]:
            yield conversion_pb2.ConvertSpeechRequest(config=config, encoding=conversion_pb2.AUDIO_ENCODING_WAV)
            async for piece in for_messages(audio):
                yield conversion_pb2.ConvertSpeechRequest(audio=HttpBody(data=piece))

        with peer_errors("conversion"):
            call = self._speech.ConvertSpeech(messages(), timeout=CONVERT_SECONDS, metadata=metadata_for(owner))
            async for answer in call:
                _take(answer, converted)
                if answer.audio.data:
                    yield answer.audio.data
        if not converted.is_complete:
            raise Unavailable("CONVERSION_CUT_SHORT", "The converted speech was cut short.")


def _take(answer: conversion_pb2.ConvertSpeechResponse, converted: Converted) -> None:
    said: Sequence[str] = (*answer.started.warnings, *answer.finished.warnings)
    converted.warnings += said
    converted.is_complete = converted.is_complete or answer.HasField("finished")
