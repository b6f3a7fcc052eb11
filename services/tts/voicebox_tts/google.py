"""Google Cloud's text-to-speech over the one servicer."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc
from voicebox.foreign.google import texttospeech_v1_pb2 as google
from voicebox.foreign.google import texttospeech_v1_pb2_grpc
from voicebox.tts.v1 import tts_pb2
from voicebox_kit.errors import InvalidField
from voicebox_kit.foreign import named_as

from . import google_request, google_voices
from .roster import Roster
from .servicer import TextToSpeechServicer

GOOGLE_SERVICE = "google.cloud.texttospeech.v1.TextToSpeech"

Context = grpc.aio.ServicerContext[Any, Any]


class GoogleSpeechServicer(texttospeech_v1_pb2_grpc.TextToSpeechServicer):
    """The google.cloud.texttospeech.v1.TextToSpeech, as of google-cloud-texttospeech 2.38.0."""

    def __init__(self, speech: TextToSpeechServicer, roster: Roster) -> None:
        self._speech, self._roster = speech, roster

    async def ListVoices(self, request: google.ListVoicesRequest, context: Context) -> google.ListVoicesResponse:
        return google.ListVoicesResponse(voices=await google_voices.listed(self._roster, request.language_code))

    async def SynthesizeSpeech(self, request: google.SynthesizeSpeechRequest, context: Context) -> google.SynthesizeSpeechResponse:
        with named_as(google_request.NAMES):
            google_request.refuse_voice(request.voice, "voice")
            voice = await google_voices.find_voice(self._roster, request.voice)
            made = await self._speech.Synthesize(google_request.to_whole(request, voice), context)
        return google.SynthesizeSpeechResponse(audio_content=made.audio)

    async def StreamingSynthesize(
        self, request_iterator: AsyncIterator[google.StreamingSynthesizeRequest], context: Context
    ) -> AsyncGenerator[google.StreamingSynthesizeResponse]:
        with named_as(google_request.STREAM_NAMES):
            pieces = self._pieces(request_iterator)
            async with aclosing(pieces), aclosing(self._speech.ConverseSynthesize(pieces, context)) as events:
                async for event in events:
                    if event.chunk.audio:
                        yield google.StreamingSynthesizeResponse(audio_content=event.chunk.audio)

    async def _pieces(
        self, requests: AsyncIterator[google.StreamingSynthesizeRequest]
    ) -> AsyncGenerator[tts_pb2.ConverseSynthesizeRequest]:
        """Our config, then texts."""
        first = await anext(aiter(requests), None)
        if first is None or not first.HasField("streaming_config"):
            raise InvalidField("streaming_config", "The first message must be the streaming_config.", "CONFIG_FIRST")
        asked = first.streaming_config
        google_request.refuse_voice(asked.voice, "streaming_config.voice")
        voice = await google_voices.find_voice(self._roster, asked.voice)
        yield tts_pb2.ConverseSynthesizeRequest(config=google_request.to_conversation(asked, voice))
        async for request in requests:
            yield tts_pb2.ConverseSynthesizeRequest(text=google_request.to_piece(request))
