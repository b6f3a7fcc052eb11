"""OpenAI's speech API over the one servicer.

https://platform.openai.com/docs/api-reference/audio/createSpeech
"""

import asyncio
import base64
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc
import numpy as np
from google.api.httpbody_pb2 import HttpBody
from voicebox.compat.openai.v1 import openai_pb2, openai_pb2_grpc
from voicebox.tts.v1 import tts_pb2
from voicebox_audio.encoding.encoder import encode_whole
from voicebox_compat import openai
from voicebox_compat.openai import Diagnostics, InvalidParameter
from voicebox_kit.durations import to_duration
from voicebox_kit.errors import InvalidField, NotFound

from voicebox_tts.api import messages, synthetic
from voicebox_tts.api.servicer import MAX_ADAPTED_CHARACTERS, TextToSpeechServicer
from voicebox_tts.normalization.preparation import Preparation
from voicebox_tts.text import sentences as texts
from voicebox_tts.text.sentences import SILENCE_SECONDS
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
    "config.voice": "voice",
    "config.voice.profile": "voice",
    "config.model": "model",
    "config.style.speed": "speed",
    "config.style.language": "language",
    "config.style.instructions": "instructions",
    "config.audio.encoding": "response_format",
    "config.audio.sample_rate_hz": "sample_rate",
    "profile": "voice",
    "id": "voice",
    "body": "",
}
STYLE = "config.style."
HINTS = (f"{STYLE}instructions", f"{STYLE}language", f"{STYLE}speed")
"""Fields that are dropped when the voice does not support them."""

Context = grpc.aio.ServicerContext[Any, Any]


class OpenAiSpeechServicer(openai_pb2_grpc.OpenAiSpeechServiceServicer):
    """The voicebox.compat.openai.v1.OpenAiSpeechService."""

    def __init__(self, speech: TextToSpeechServicer, registry: VoiceRegistry) -> None:
        self._speech, self._registry = speech, registry

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
    ) -> AsyncGenerator[HttpBody]:
        wanted = openai_request.read(
            await openai.read_body((request.body.data async for request in requests), MAX_BODY_BYTES), diagnostics
        )
        text = texts.clean(wanted.text)
        if not text:
            raise InvalidParameter("input", "input is empty: there is nothing to say.", "TEXT_EMPTY")
        native, found = await self._native(wanted, diagnostics)
        if _has_words(text):
            speech = self._speak(native, found, wanted, context, diagnostics)
        else:
            speech = _silence(wanted)
            diagnostics.ignore("input")
        content_type = ""
        async with aclosing(speech) as events:
            async for event in events:
                match event.WhichOneof("event"):
                    case "started":
                        rate = event.started.audio.sample_rate_hz
                        content_type = messages.content_type(wanted.encoding, rate)
                        diagnostics.headers["x-sample-rate"] = str(rate)
                        if event.started.provenance.synthetic:
                            diagnostics.headers.update(synthetic.HEADERS)
                    case "chunk" if audio := event.chunk.audio:
                        yield _delta(audio) if wanted.events else HttpBody(content_type=content_type, data=audio)
                    case "finished" if wanted.events:
                        diagnostics.warn(event.finished.warnings)
                        yield _done(event.finished, wanted.text, diagnostics)

    async def _speak(
        self,
        request: tts_pb2.StreamSynthesizeRequest,
        found: ChosenVoice,
        wanted: SpeechRequest,
        context: Context,
        diagnostics: Diagnostics,
    ) -> AsyncGenerator[tts_pb2.StreamSynthesizeResponse]:
        """The speech. Hints that the voice does not support are dropped before it begins."""
        begun = False
        while not begun:
            try:
                async with aclosing(self._speech.stream(request, context, MAX_ADAPTED_CHARACTERS)) as events:
                    async for event in events:
                        begun = True
                        yield event
            except InvalidField as error:
                if begun or not _drop_hint(request, found, error.field, wanted, diagnostics):
                    raise
            except NotFound as error:
                if begun or error.kind != "profile" or "/" in wanted.voice:
                    raise
                found = await voices.find_stand_in(self._registry, request.config.model, wanted.voice)
                request.config.voice.CopyFrom(found.voice)
                diagnostics.ignore("voice")

    async def _native(
        self, wanted: SpeechRequest, diagnostics: Diagnostics
    ) -> tuple[tts_pb2.StreamSynthesizeRequest, ChosenVoice]:
        model = voices.find_model(self._registry, wanted.model, diagnostics)
        try:
            found = await voices.find_voice(self._registry, model, wanted.voice)
        except NotFound:
            found = await voices.find_stand_in(self._registry, model, wanted.voice)
            diagnostics.ignore("voice")
        return openai_request.to_native(wanted, model, found.voice), found


def _has_words(text: str) -> bool:
    """Whether there is something to say: letters, digits, or signs that have a word, as "♥" does."""
    return texts.has_something_to_say(text) or texts.has_something_to_say(Preparation("en").prepare(text))


def _drop_hint(
    request: tts_pb2.StreamSynthesizeRequest,
    found: ChosenVoice,
    field: str,
    wanted: SpeechRequest,
    diagnostics: Diagnostics,
) -> bool:
    """Whether the request changed: a default voice is replaced by one of the language; a hint is dropped, and listed as
    ignored.
    """
    if field not in HINTS:
        return False
    name = field.removeprefix(STYLE)
    if name == "language" and found.is_free and request.config.HasField("voice"):
        request.config.ClearField("voice")
        return True
    request.config.style.ClearField(name)  # type: ignore[arg-type]  # the stubs know literal names only
    if name == "language":
        request.config.voice.CopyFrom(found.voice)
    diagnostics.ignore(wanted.language_name if name == "language" else name)
    return True


async def _silence(wanted: SpeechRequest) -> AsyncGenerator[tts_pb2.StreamSynthesizeResponse]:
    """A short silence, for which no engine is needed."""
    rate = wanted.sample_rate_hz or openai_request.LOSSLESS_RATE_HZ
    samples = np.zeros(round(SILENCE_SECONDS * rate), np.float32)
    yield tts_pb2.StreamSynthesizeResponse(
        started=tts_pb2.SynthesisStarted(audio=tts_pb2.AudioSpec(sample_rate_hz=rate))
    )
    audio = await asyncio.to_thread(encode_whole, wanted.encoding, samples, rate)
    yield tts_pb2.StreamSynthesizeResponse(chunk=tts_pb2.AudioChunk(audio=audio))
    yield tts_pb2.StreamSynthesizeResponse(finished=tts_pb2.SynthesisFinished(duration=to_duration(SILENCE_SECONDS)))


def _delta(audio: bytes) -> HttpBody:
    return openai.server_sent_event(type="speech.audio.delta", audio=base64.b64encode(audio).decode())


def _done(finished: tts_pb2.SynthesisFinished, text: str, diagnostics: Diagnostics) -> HttpBody:
    input_tokens, output_tokens = (
        openai.text_tokens(text),
        round(OUTPUT_TOKENS_PER_SECOND * finished.duration.ToMicroseconds() / 1e6),
    )
    usage = {"input_tokens": input_tokens, "output_tokens": output_tokens, "total_tokens": input_tokens + output_tokens}
    return openai.server_sent_event(type="speech.audio.done", usage=usage, **diagnostics.fields)
