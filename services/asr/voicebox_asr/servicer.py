"""Speaks gRPC: every method checks its request, runs the one recogniser, and answers in its own form."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import grpc
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox_kit.errors import InvalidField
from voicebox_sound.decoder import Decoder
from voicebox_sound.limits import Limits

from . import intake, messages, source
from .recognition import Recognizer
from .requests import Recognition, to_endpointing, to_recognition

FILE_LIMITS = Limits(max_bytes=256 * 1024 * 1024, max_seconds=4 * 3600, cpu_seconds=600)
"""What one file may hold. It is heard while it is read, so none of this is held in memory."""

LIVE_LIMITS = replace(FILE_LIMITS, max_bytes=1 << 40, max_seconds=24 * 3600, cpu_seconds=3600)
"""A live stream may last a day; what it may not do is stand still."""

UPLOAD_STALL_SECONDS = 30.0
"""An upload holds a permit, and a person's pause is no reason to stop sending a file."""

Context = grpc.aio.ServicerContext[Any, Any]


class SpeechToTextServicer(asr_pb2_grpc.SpeechToTextServiceServicer):
    """The voicebox.asr.v1.SpeechToTextService."""

    def __init__(self, recognizer: Recognizer, decoder: Decoder, idle_seconds: float) -> None:
        self._recognizer, self._decoder, self._idle_seconds = recognizer, decoder, idle_seconds

    async def Recognize(self, request: asr_pb2.RecognizeRequest, context: Context) -> asr_pb2.RecognizeResponse:
        recognition = self._recognition(request.config, "config")
        return await self._transcribe(_whole(request.audio), recognition)

    async def RecognizeUpload(
        self, request_iterator: AsyncIterator[asr_pb2.RecognizeUploadRequest], context: Context
    ) -> asr_pb2.RecognizeResponse:
        async with aclosing(intake.patient(aiter(request_iterator), min(UPLOAD_STALL_SECONDS, self._idle_seconds))) as requests:
            first = await anext(requests, None)
            if first is None:
                raise InvalidField("audio", "There is no audio.", "AUDIO_EMPTY")
            recognition = self._recognition(first.config, "config")
            return await self._transcribe(intake.uploaded(first.audio.data, requests), recognition)

    async def StreamingRecognize(
        self, request_iterator: AsyncIterator[asr_pb2.StreamingRecognizeRequest], context: Context
    ) -> AsyncGenerator[asr_pb2.StreamingRecognizeResponse]:
        async with aclosing(intake.patient(aiter(request_iterator), self._idle_seconds)) as requests:
            first = await anext(requests, None)
            if first is None or not first.HasField("config"):
                raise InvalidField("config", "The first message must be the config.", "CONFIG_FIRST")
            recognition = self._recognition(first.config.recognition, "config.recognition")
            endpointing = to_endpointing(first.config.endpointing, "config.endpointing")
            sound = intake.live(requests, lambda blocks: source.samples(blocks, recognition.pcm, self._decoder, LIVE_LIMITS))
            events = self._recognizer.listen(sound, recognition.language, endpointing, interim_results=first.config.interim_results)
            async with aclosing(sound), aclosing(events):
                async for event in events:
                    yield messages.event(event, self._recognizer.engine, recognition.language, word_offsets=recognition.word_offsets)

    def _recognition(self, config: asr_pb2.RecognitionConfig, field: str) -> Recognition:
        return to_recognition(config, self._recognizer.engine.model.languages, field)

    async def _transcribe(self, blocks: AsyncGenerator[bytes], recognition: Recognition) -> asr_pb2.RecognizeResponse:
        sound = source.samples(blocks, recognition.pcm, self._decoder, FILE_LIMITS)
        async with aclosing(blocks), aclosing(sound):
            heard = await self._recognizer.transcribe(sound, recognition.language)
        return messages.transcript(heard, self._recognizer.engine, recognition.language, word_offsets=recognition.word_offsets)


async def _whole(audio: bytes) -> AsyncGenerator[bytes]:
    yield audio
