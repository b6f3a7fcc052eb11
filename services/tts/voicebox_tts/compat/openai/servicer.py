"""OpenAI's speech API over the one synthesizer.

https://platform.openai.com/docs/api-reference/audio/createSpeech
"""

import asyncio
import base64
import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
from google.api import httpbody_pb2
from voicebox.openai.v1 import openai_pb2, openai_pb2_grpc
from voicebox.tts.v1 import tts_pb2
from voicebox_audio.encoding.encoder import encode_whole
from voicebox_audio.encoding.encodings import Encoding
from voicebox_compat import openai
from voicebox_compat.openai import Diagnostics, InvalidParameter
from voicebox_kit import deadline, principal
from voicebox_kit.errors import InvalidField, NotFound

from voicebox_tts.api import messages
from voicebox_tts.api.requests import checked_text, to_job
from voicebox_tts.history.record import Statistics
from voicebox_tts.normalization.preparation import Preparation
from voicebox_tts.synthesis.script import WholeText
from voicebox_tts.synthesis.synthesizer import Event, Finished, Started, Synthesizer
from voicebox_tts.synthesis.utterance import SILENCE_SECONDS, Chunk
from voicebox_tts.text import sentences as texts
from voicebox_tts.voices.registry import VoiceRegistry

from . import request as openai_request
from . import voices
from .request import SpeechRequest
from .voices import ChosenVoice

MAX_BODY_BYTES = 256 * 1024
"""10,000 characters are at most 120 kB, written as \\u escapes."""

OUTPUT_TOKENS_PER_SECOND = 20
"""OpenAI counts one for 50 ms of speech that it makes."""

PARAMS = {
    "text": "input",
    "voice.profile": "voice",
    "profile": "voice",
    "style.speed": "speed",
    "style.language": "language",
    "style.instructions": "instructions",
    "audio.encoding": "response_format",
    "audio.sample_rate_hz": "sample_rate",
    "id": "voice",
    "body": "",
}
HINTS = ("style.instructions", "style.language", "style.speed")
"""Fields that are dropped when the voice does not support them."""

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True)
class Silence:
    """Nothing is spoken, at this rate."""

    sample_rate_hz: int


class OpenAiSpeechServicer(openai_pb2_grpc.OpenAiSpeechServiceServicer):
    """The voicebox.openai.v1.OpenAiSpeechService."""

    def __init__(self, synthesizer: Synthesizer, roster: VoiceRegistry) -> None:
        self._synthesizer, self._roster = synthesizer, roster

    async def CreateSpeech(
        self, request_iterator: AsyncIterator[openai_pb2.CreateSpeechRequest], context: Context
    ) -> AsyncGenerator[openai_pb2.CreateSpeechResponse]:
        diagnostics = Diagnostics()
        diagnostics.ignore_query(context)
        async with aclosing(
            openai.with_headers(self._answer(request_iterator, context, diagnostics), context, PARAMS, diagnostics)
        ) as bodies:
            async for body in bodies:
                yield openai_pb2.CreateSpeechResponse(body=body)

    async def _answer(
        self, requests: AsyncIterator[openai_pb2.CreateSpeechRequest], context: Context, diagnostics: Diagnostics
    ) -> AsyncGenerator[httpbody_pb2.HttpBody]:
        asked = openai_request.read(
            await openai.read_body((request.body.data async for request in requests), MAX_BODY_BYTES), diagnostics
        )
        cleaned = texts.clean(asked.text)
        if not cleaned:
            raise InvalidParameter("input", "input is empty: there is nothing to say.", "TEXT_EMPTY")
        speaks = texts.has_something_to_say(cleaned) or texts.has_something_to_say(
            Preparation("en").prepare(cleaned)
        )  # "♥" has a word
        rate = 0
        async with aclosing(
            self._speech(asked, context, diagnostics) if speaks else self._silence(asked, diagnostics)
        ) as events:
            async for event in events:
                match event:
                    case Started() | Silence():
                        rate = event.sample_rate_hz
                        diagnostics.headers["x-sample-rate"] = str(rate)
                    case Chunk() if event.audio:
                        yield _delta(event) if asked.events else _piece(event, asked.encoding, rate)
                    case Finished() if asked.events:
                        diagnostics.warn(event.warnings)
                        yield _done(event, asked.text, diagnostics)

    async def _speech(
        self, asked: SpeechRequest, context: Context, diagnostics: Diagnostics
    ) -> AsyncGenerator[Event | Silence]:
        """The speech. Hints that the voice does not support are dropped before it begins."""
        request, found = await self._native(asked, diagnostics)
        begun = False
        while not begun:
            try:
                script = WholeText(checked_text(request.text))
                job = to_job(request.config, principal.owner(context))
                async with aclosing(
                    self._synthesizer.speak(job, script, deadline.remaining(context, math.inf))
                ) as events:
                    async for event in events:
                        begun = True
                        yield event
            except InvalidField as error:
                if begun or not _drop_hint(request, found, error.field, asked, diagnostics):
                    raise
            except NotFound as error:
                if begun or error.kind != "profile" or "/" in asked.voice:
                    raise
                found = await voices.substitute_voice(self._roster, request.config.model, asked.voice)
                request.config.voice.CopyFrom(found.voice)
                diagnostics.ignore("voice")

    async def _native(
        self, asked: SpeechRequest, diagnostics: Diagnostics
    ) -> tuple[tts_pb2.SynthesizeRequest, ChosenVoice]:
        model = voices.find_model(self._roster, asked.model, diagnostics)
        try:
            found = await voices.find_voice(self._roster, model, asked.voice)
        except NotFound:
            found = await voices.substitute_voice(self._roster, model, asked.voice)
            diagnostics.ignore("voice")
        request = tts_pb2.SynthesizeRequest(
            text=asked.text,
            config=tts_pb2.SynthesisConfig(
                voice=found.voice,
                audio=tts_pb2.AudioSpec(
                    encoding=messages.ENCODINGS[asked.encoding], sample_rate_hz=asked.sample_rate_hz
                ),
                style=tts_pb2.SpeakingStyle(
                    speed=asked.speed, instructions=asked.instructions, language=asked.language
                ),
                model=model,
            ),
        )
        return request, found

    async def _silence(self, asked: SpeechRequest, diagnostics: Diagnostics) -> AsyncGenerator[Event | Silence]:
        """A short silence, once the rest of the request is known to be good; that nothing was said is noted."""
        request, _ = await self._native(asked, diagnostics)
        diagnostics.ignore("input")
        request.config.style.Clear()
        job = to_job(request.config, "")
        rate = job.sample_rate_hz or openai_request.LOSSLESS_RATE_HZ
        samples = np.zeros(round(SILENCE_SECONDS * rate), np.float32)
        yield Silence(rate)
        audio = await asyncio.to_thread(encode_whole, job.encoding, samples, rate)
        yield Chunk(0, audio, 0.0, SILENCE_SECONDS)
        yield Finished(Statistics(samples.size, SILENCE_SECONDS, 0.0, 0.0))


def _drop_hint(
    request: tts_pb2.SynthesizeRequest, found: ChosenVoice, field: str, asked: SpeechRequest, diagnostics: Diagnostics
) -> bool:
    """Whether the request changed: a default voice is replaced by one of the language; a hint is dropped, and listed as
    ignored.
    """
    if field not in HINTS:
        return False
    if field == "style.language" and found.is_free and request.config.HasField("voice"):
        request.config.ClearField("voice")
        return True
    name = field.removeprefix("style.")
    request.config.style.ClearField(name)  # type: ignore[arg-type]  # the stubs know literal names only
    if name == "language":
        request.config.voice.CopyFrom(found.voice)
    diagnostics.ignore(asked.language_name if name == "language" else name)
    return True


def _piece(chunk: Chunk, encoding: Encoding, sample_rate_hz: int) -> httpbody_pb2.HttpBody:
    return httpbody_pb2.HttpBody(content_type=messages.content_type(encoding, sample_rate_hz), data=chunk.audio)


def _delta(chunk: Chunk) -> httpbody_pb2.HttpBody:
    return openai.server_sent_event(type="speech.audio.delta", audio=base64.b64encode(chunk.audio).decode())


def _done(finished: Finished, text: str, diagnostics: Diagnostics) -> httpbody_pb2.HttpBody:
    asked, made = openai.text_tokens(text), round(OUTPUT_TOKENS_PER_SECOND * finished.statistics.duration_seconds)
    usage = {"input_tokens": asked, "output_tokens": made, "total_tokens": asked + made}
    return openai.server_sent_event(type="speech.audio.done", usage=usage, **diagnostics.fields)
