"""A client of the OpenAI APIs of tts and asr: requests of a batch."""

import json
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody
from voicebox.compat.openai.v1 import openai_pb2 as pb
from voicebox.compat.openai.v1 import openai_pb2_grpc
from voicebox_blobs.blocks import for_messages
from voicebox_kit.peer_calls import metadata_for

from .errors import peer_errors

SPEECH, TRANSCRIPTIONS, TRANSLATIONS = "/v1/audio/speech", "/v1/audio/transcriptions", "/v1/audio/translations"
ITEM_SECONDS = 3600.0


@dataclass
class Answer:
    """What is known of an answer once it has begun."""

    content_type: str = ""


class OpenAi:
    """Channels to tts and asr, made in the event loop that uses them."""

    def __init__(self, tts: grpc.aio.Channel, asr: grpc.aio.Channel) -> None:
        self._speech: openai_pb2_grpc.OpenAiSpeechServiceAsyncStub = openai_pb2_grpc.OpenAiSpeechServiceStub(tts)  # type: ignore[assignment]
        self._recognition: openai_pb2_grpc.OpenAiTranscriptionServiceAsyncStub = (
            openai_pb2_grpc.OpenAiTranscriptionServiceStub(asr)  # type: ignore[assignment]
        )

    async def speak(self, body: Mapping[str, Any], owner: str, answer: Answer) -> AsyncIterator[bytes]:
        """The audio that a request asks for, as its JSON body has it. `answer` is filled on the way. VoiceboxError."""
        content = HttpBody(content_type="application/json", data=json.dumps(body).encode())

        async def messages() -> AsyncIterator[pb.CreateSpeechRequest]:
            yield pb.CreateSpeechRequest(body=content)

        with peer_errors("tts"):
            async for part in self._speech.CreateSpeech(messages(), timeout=ITEM_SECONDS, metadata=metadata_for(owner)):
                yield _noted(part.body, answer)

    async def recognize(
        self, url: str, fields: Mapping[str, Any], audio: AsyncIterator[bytes], owner: str, answer: Answer
    ) -> AsyncIterator[bytes]:
        """The transcript, in the form that the request asks for; `fields` are those of its form. VoiceboxError."""
        boundary = uuid.uuid4().hex
        content_type = f"multipart/form-data; boundary={boundary}"
        pieces = for_messages(_form(boundary, fields, audio))
        bodies = (HttpBody(content_type=content_type, data=piece) async for piece in pieces)
        caller = metadata_for(owner)
        with peer_errors("asr"):
            if url == TRANSLATIONS:
                translations = (pb.CreateTranslationRequest(body=each) async for each in bodies)
                async for part in self._recognition.CreateTranslation(translations, ITEM_SECONDS, metadata=caller):
                    yield _noted(part.body, answer)
            else:
                transcriptions = (pb.CreateTranscriptionRequest(body=each) async for each in bodies)
                async for each in self._recognition.CreateTranscription(transcriptions, ITEM_SECONDS, metadata=caller):
                    yield _noted(each.body, answer)


def _noted(body: HttpBody, answer: Answer) -> bytes:
    answer.content_type = body.content_type or answer.content_type
    return bytes(body.data)


async def _form(boundary: str, fields: Mapping[str, Any], audio: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A form of RFC 7578: its fields, which are text, numbers, or lists of them, and then the file."""
    for name, value in fields.items():
        for each in value if isinstance(value, list) else [value]:
            yield f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{_text(each)}\r\n'.encode()
    yield f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="audio"\r\n\r\n'.encode()
    async for block in audio:
        yield block
    yield f"\r\n--{boundary}--\r\n".encode()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
