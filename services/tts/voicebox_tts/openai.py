"""OpenAI's speech API over the one synthesizer.

https://platform.openai.com/docs/api-reference/audio/createSpeech
"""

import base64
import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc
from google.api import httpbody_pb2
from voicebox.openai.v1 import openai_pb2, openai_pb2_grpc
from voicebox.tts.v1 import tts_pb2
from voicebox_kit import deadline, openai, principal
from voicebox_kit.errors import NotFound

from . import messages, openai_request, openai_voices
from .openai_request import SpeechRequest
from .requests import checked_text, to_job
from .roster import Roster
from .script import WholeText
from .synthesis import Finished, Started, Synthesizer
from .utterance import Chunk

MAX_BODY_BYTES = 256 * 1024
"""10,000 characters are at most 120 kB, written as \\u escapes."""

OUTPUT_TOKENS_PER_SECOND = 20
"""OpenAI counts one for 50 ms of speech that it makes."""

PARAMS = {
    "text": "input",
    "voice.profile": "voice",
    "profile": "voice",
    "style.speed": "speed",
    "style.instructions": "instructions",
    "audio.encoding": "response_format",
    "id": "voice",
    "body": "",
}

Context = grpc.aio.ServicerContext[Any, Any]


class OpenAiSpeechServicer(openai_pb2_grpc.OpenAiSpeechServiceServicer):
    """The voicebox.openai.v1.OpenAiSpeechService."""

    def __init__(self, synthesizer: Synthesizer, roster: Roster) -> None:
        self._synthesizer, self._roster = synthesizer, roster

    async def CreateSpeech(
        self, request_iterator: AsyncIterator[openai_pb2.CreateSpeechRequest], context: Context
    ) -> AsyncGenerator[openai_pb2.CreateSpeechResponse]:
        async with aclosing(openai.answered(self._answer(request_iterator, context), context, PARAMS)) as bodies:
            async for body in bodies:
                yield openai_pb2.CreateSpeechResponse(body=body)

    async def _answer(
        self, requests: AsyncIterator[openai_pb2.CreateSpeechRequest], context: Context
    ) -> AsyncGenerator[httpbody_pb2.HttpBody]:
        asked = openai_request.read(await openai.whole((request.body.data async for request in requests), MAX_BODY_BYTES))
        script = WholeText(checked_text(asked.text))
        job = to_job(await self._native(asked), principal.owner(context), math.inf)
        kind = ""
        try:
            async with aclosing(self._synthesizer.speak(job, script, deadline.remaining(context, math.inf))) as events:
                async for event in events:
                    match event:
                        case Started():
                            kind = messages.content_type(event)
                        case Chunk() if event.audio:
                            yield _delta(event) if asked.events else httpbody_pb2.HttpBody(content_type=kind, data=event.audio)
                        case Finished() if asked.events:
                            yield _done(event, script.text)
        except NotFound as error:
            raise _named_as_asked(error, asked.voice) from error

    async def _native(self, asked: SpeechRequest) -> tts_pb2.SynthesizeRequest:
        model = openai_voices.find_model(self._roster, asked.model)
        return tts_pb2.SynthesizeRequest(
            text=asked.text,
            voice=await openai_voices.find_voice(self._roster, model, asked.voice),
            audio=tts_pb2.AudioSpec(encoding=messages.ENCODINGS[asked.encoding], sample_rate_hz=asked.sample_rate_hz),
            style=tts_pb2.SpeakingStyle(speed=asked.speed, instructions=asked.instructions),
            model=model,
        )


def _delta(chunk: Chunk) -> httpbody_pb2.HttpBody:
    return openai.event(type="speech.audio.delta", audio=base64.b64encode(chunk.audio).decode())


def _done(finished: Finished, text: str) -> httpbody_pb2.HttpBody:
    asked, made = openai.text_tokens(text), round(OUTPUT_TOKENS_PER_SECOND * finished.duration_seconds)
    usage = {"input_tokens": asked, "output_tokens": made, "total_tokens": asked + made}
    return openai.event(type="speech.audio.done", usage=usage)


def _named_as_asked(error: NotFound, voice: str) -> NotFound:
    """A name that is no voice was taken for a profile's: it is told as it was asked for."""
    return NotFound("voice", voice) if error.kind == "profile" and "/" not in voice else error
