"""NVIDIA Riva's speech synthesis over the one servicer."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc
from voicebox.compat.riva import riva_tts_pb2, riva_tts_pb2_grpc
from voicebox.tts.v1 import tts_pb2
from voicebox_compat.fields import send_diagnostics, with_field_names
from voicebox_compat.openai import Diagnostics
from voicebox_kit.errors import InvalidField, NotFound

from voicebox_tts.api.requests import spoken
from voicebox_tts.api.servicer import MAX_ADAPTED_CHARACTERS, TextToSpeechServicer
from voicebox_tts.api.synthetic import announced
from voicebox_tts.compat.voices import speakers_for, substitute_voice
from voicebox_tts.engine import Capability, Engine
from voicebox_tts.text import ssml
from voicebox_tts.voices.registry import VoiceRegistry

from . import request as riva_request
from . import responses

RIVA_SERVICE = "nvidia.riva.tts.RivaSpeechSynthesis"
MAX_NAMED = 10

Context = grpc.aio.ServicerContext[Any, Any]


class RivaSpeechServicer(riva_tts_pb2_grpc.RivaSpeechSynthesisServicer):
    """The nvidia.riva.tts.RivaSpeechSynthesis, as of nvidia-riva-client 2.27.0."""

    def __init__(self, speech: TextToSpeechServicer, registry: VoiceRegistry) -> None:
        self._speech, self._registry = speech, registry

    async def Synthesize(
        self, request: riva_tts_pb2.SynthesizeSpeechRequest, context: Context
    ) -> riva_tts_pb2.SynthesizeSpeechResponse:
        diagnostics = Diagnostics()
        with with_field_names(riva_request.NAMES):
            known = await self._known(request.text)
            native = riva_request.to_whole(request, diagnostics, known)
            await self._check(request, native, diagnostics)
            made = await self._speech.Synthesize(native, context)
        diagnostics.warn(made.finished.warnings)
        send_diagnostics(context, diagnostics)
        return responses.whole(request, made)

    async def SynthesizeOnline(
        self, request_iterator: AsyncIterator[riva_tts_pb2.SynthesizeSpeechRequest], context: Context
    ) -> AsyncGenerator[riva_tts_pb2.SynthesizeSpeechResponse]:
        """Speaks each request as it comes, one after the other.

        Clients from before 2026-03 know this as a method of one request and many answers, which on the wire is a stream
        of one request.
        """
        diagnostics = Diagnostics()
        async with aclosing(announced(self._spoken(request_iterator, diagnostics, context), context)) as pieces:
            async for piece in pieces:
                yield piece
        send_diagnostics(context, diagnostics)

    async def _spoken(
        self,
        requests: AsyncIterator[riva_tts_pb2.SynthesizeSpeechRequest],
        diagnostics: Diagnostics,
        context: Context,
    ) -> AsyncGenerator[riva_tts_pb2.SynthesizeSpeechResponse]:
        async for request in requests:
            with with_field_names(riva_request.NAMES):
                async with aclosing(self._speak(request, diagnostics, context)) as pieces:
                    async for piece in pieces:
                        yield piece

    async def GetRivaSynthesisConfig(
        self, request: riva_tts_pb2.RivaSynthesisConfigRequest, context: Context
    ) -> riva_tts_pb2.RivaSynthesisConfigResponse:
        response, diagnostics = riva_tts_pb2.RivaSynthesisConfigResponse(), Diagnostics()
        for offer in await self._registry.offers():
            if request.model_name in ("", offer.engine.model.name):
                response.model_config.extend(responses.configs(offer.engine, offer.voices))
                diagnostics.warn([offer.warning] if offer.warning else [])
        send_diagnostics(context, diagnostics)
        if request.model_name and not response.model_config:
            raise NotFound("model", request.model_name[:100])
        return response

    async def _speak(
        self, request: riva_tts_pb2.SynthesizeSpeechRequest, diagnostics: Diagnostics, context: Context
    ) -> AsyncGenerator[riva_tts_pb2.SynthesizeSpeechResponse]:
        native = riva_request.to_streamed(request, diagnostics, await self._known(request.text))
        await self._check(request, native, diagnostics)
        async with aclosing(self._speech.stream(native, context, MAX_ADAPTED_CHARACTERS)) as events:
            async for event in events:
                diagnostics.warn(event.finished.warnings)
                if piece := responses.piece(request, event):
                    yield piece

    async def _known(self, text: str) -> ssml.Known:
        """Whom the text, where it is SSML, may ask for."""
        return await speakers_for(self._registry, text) if ssml.is_ssml(text) else ssml.NOBODY

    async def _check(
        self,
        request: riva_tts_pb2.SynthesizeSpeechRequest,
        native: tts_pb2.SynthesizeRequest | tts_pb2.StreamSynthesizeRequest,
        diagnostics: Diagnostics,
    ) -> None:
        """That the voice, or who speaks for a prompt or profile, exists and supports word times if they are requested.

        A voice of ours is chosen for another server's. Instructions that an engine cannot follow are noted.
        """
        try:
            engine = await self._speaker(request.voice_name, native, diagnostics)
        except NotFound as error:
            raise NotFound("voice", request.voice_name[:100], await self._some_voices()) from error
        if native.config.style.instructions and Capability.INSTRUCTIONS not in engine.capabilities:
            native.config.style.ClearField("instructions")
            diagnostics.ignore("custom_configuration.instructions")
        if request.enable_word_time_offsets and Capability.WORD_TIMINGS not in engine.capabilities:
            sentence = f"The engine {engine.name} cannot honour enable_word_time_offsets."
            raise InvalidField("enable_word_time_offsets", sentence, "UNSUPPORTED_BY_ENGINE")

    async def _speaker(
        self, name: str, native: tts_pb2.SynthesizeRequest | tts_pb2.StreamSynthesizeRequest, diagnostics: Diagnostics
    ) -> Engine:
        if native.config.voice.WhichOneof("source") in ("profile", "reference"):
            return self._registry.follower("")[0]
        language = spoken(native.config.style.language, "style.language")
        try:
            return (await self._registry.find(native.config.voice.voice, language))[0]
        except NotFound:
            native.config.voice.voice = await substitute_voice(
                self._registry, name, language, "voice_name", diagnostics
            )
            return (await self._registry.find(native.config.voice.voice, ""))[0]

    async def _some_voices(self) -> str:
        engine, _ = await self._registry.find("", "")
        voices = await self._registry.voices(engine)
        names = ", ".join(f"{engine.name}.{voice.name}" for voice in voices[:MAX_NAMED])
        return f"There are {names}; GetRivaSynthesisConfig lists them all, and a profile is named profiles/..."
