"""Google Cloud's text-to-speech over the one servicer."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc
from google.protobuf.unknown_fields import UnknownFieldSet
from voicebox.compat.google import texttospeech_v1_pb2 as google
from voicebox.compat.google import texttospeech_v1_pb2_grpc
from voicebox.tts.v1 import tts_pb2
from voicebox_compat.fields import send_diagnostics, with_field_names
from voicebox_compat.openai import Diagnostics
from voicebox_kit.errors import InvalidField

from voicebox_tts.api.servicer import TextToSpeechServicer
from voicebox_tts.compat.voices import speakers_for
from voicebox_tts.engine import Capability, Engine
from voicebox_tts.voices.registry import VoiceRegistry

from . import audio as google_audio
from . import request as google_request
from . import voices as google_voices

GOOGLE_SERVICE = "google.cloud.texttospeech.v1.TextToSpeech"
GOOGLE_BETA_SERVICE = "google.cloud.texttospeech.v1beta1.TextToSpeech"
"""Its messages are those of v1 on the wire, and have a few fields more."""

BETA_FIELDS = {4: "enable_time_pointing"}
"""Fields of a v1beta1 SynthesizeSpeechRequest that v1 has not, by their numbers."""

Context = grpc.aio.ServicerContext[Any, Any]


class GoogleSpeechServicer(texttospeech_v1_pb2_grpc.TextToSpeechServicer):
    """The google.cloud.texttospeech.v1.TextToSpeech, as of google-cloud-texttospeech 2.38.0."""

    def __init__(self, speech: TextToSpeechServicer, registry: VoiceRegistry) -> None:
        self._speech, self._registry = speech, registry

    async def ListVoices(self, request: google.ListVoicesRequest, context: Context) -> google.ListVoicesResponse:
        diagnostics = Diagnostics()
        voices = await google_voices.listed(self._registry, request.language_code, diagnostics)
        send_diagnostics(context, diagnostics)
        return google.ListVoicesResponse(voices=voices)

    async def SynthesizeSpeech(
        self, request: google.SynthesizeSpeechRequest, context: Context
    ) -> google.SynthesizeSpeechResponse:
        diagnostics = Diagnostics()
        with with_field_names(google_request.NAMES):
            google_request.refuse_voice(request.voice, "voice", diagnostics)
            unknowns = UnknownFieldSet(request)
            for unknown in map(unknowns.__getitem__, range(len(unknowns))):
                diagnostics.ignore(BETA_FIELDS.get(unknown.field_number, f"field {unknown.field_number}"))
            voice = await google_voices.find_voice(self._registry, request.voice, "voice", diagnostics)
            known = await speakers_for(self._registry, request.input.ssml)
            native = google_request.to_whole(request, voice, diagnostics, known)
            await self._follow(native, diagnostics)
            made = await self._speech.Synthesize(native, context)
            audio = made.audio
            if not google_audio.is_plain(request.audio_config):
                written = await google_audio.rewritten(made, request.audio_config, diagnostics)
                media_type = google_audio.media_type(request.audio_config)
                audio = await self._speech.signed(written, media_type, made.started.model)
        diagnostics.warn(made.finished.warnings)
        send_diagnostics(context, diagnostics)
        return google.SynthesizeSpeechResponse(audio_content=audio)

    async def StreamingSynthesize(
        self, request_iterator: AsyncIterator[google.StreamingSynthesizeRequest], context: Context
    ) -> AsyncGenerator[google.StreamingSynthesizeResponse]:
        diagnostics = Diagnostics()
        with with_field_names(google_request.STREAM_NAMES):
            pieces = self._pieces(request_iterator, diagnostics)
            async with aclosing(pieces), aclosing(self._speech.ConverseSynthesize(pieces, context)) as events:
                async for event in events:
                    diagnostics.warn(event.finished.warnings)
                    if audio := event.chunk.audio:
                        yield google.StreamingSynthesizeResponse(audio_content=audio)
        send_diagnostics(context, diagnostics)

    async def _pieces(
        self, requests: AsyncIterator[google.StreamingSynthesizeRequest], diagnostics: Diagnostics
    ) -> AsyncGenerator[tts_pb2.ConverseSynthesizeRequest]:
        """Our config, then texts."""
        first = await anext(aiter(requests), None)
        if first is None or not first.HasField("streaming_config"):
            raise InvalidField("streaming_config", "The first message must be the streaming_config.", "CONFIG_FIRST")
        config = first.streaming_config
        google_request.refuse_voice(config.voice, "streaming_config.voice", diagnostics)
        voice = await google_voices.find_voice(self._registry, config.voice, "streaming_config.voice", diagnostics)
        yield tts_pb2.ConverseSynthesizeRequest(config=google_request.to_conversation(config, voice, diagnostics))
        async for request in requests:
            yield tts_pb2.ConverseSynthesizeRequest(text=google_request.to_piece(request, diagnostics))

    async def _follow(self, native: tts_pb2.SynthesizeRequest, diagnostics: Diagnostics) -> None:
        """A prompt that the voice's engine cannot follow is noted."""
        if not native.config.style.instructions:
            return
        if native.config.voice.WhichOneof("source") == "profile":
            engine: Engine = self._registry.follower("")[0]
        else:
            engine = (await self._registry.find(native.config.voice.voice, ""))[0]
        if Capability.INSTRUCTIONS not in engine.capabilities:
            native.config.style.ClearField("instructions")
            diagnostics.ignore("input.prompt")
