"""The RPCs: each checks its request, runs the recogniser, and returns its kind of answer."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeVar

import grpc
from google.api.httpbody_pb2 import HttpBody
from google.protobuf import json_format
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox_audio.decoding.decoder import Decoder
from voicebox_kit import principal, uploads
from voicebox_kit.errors import InvalidField
from voicebox_metering.work import OpenWork, WorkKind, uncounted

from voicebox_asr.audio import source
from voicebox_asr.audio.counted import counted
from voicebox_asr.documents.writers import CONTENT_TYPES, Format, document
from voicebox_asr.engine import Engine
from voicebox_asr.live.backlog import Backlog
from voicebox_asr.live.result import LiveResult
from voicebox_asr.live.stream import StreamFinished, StreamOptions, recognize_stream
from voicebox_asr.recognition.files import FILE_LIMITS, FileRecognizer
from voicebox_asr.recognition.recognizer import Recognizer
from voicebox_asr.records.recorder import Records
from voicebox_asr.results.utterance import Utterance

from . import messages, request_stream
from .requests import to_document_options, to_endpointing, to_job, to_live_job

LIVE_LIMITS = replace(FILE_LIMITS, max_bytes=1 << 40, max_seconds=24 * 3600, cpu_seconds=3600)
"""A live stream may last a day; what it may not do is stand still."""

UPLOAD_STALL_SECONDS = 30.0
"""An upload holds a permit, and a person's pause is no reason to stop sending a file."""

Context = grpc.aio.ServicerContext[Any, Any]
T = TypeVar("T")


class SpeechToTextServicer(asr_pb2_grpc.SpeechToTextServiceServicer):
    """The voicebox.asr.v1.SpeechToTextService."""

    def __init__(
        self,
        recognizer: Recognizer,
        decoder: Decoder,
        files: FileRecognizer,
        records: Records,
        idle_seconds: float,
        work: OpenWork = uncounted,
    ) -> None:
        """`work` counts what is recognised live, for whoever calls."""
        self._work = work
        self._recognizer, self._decoder, self._files, self._records = recognizer, decoder, files, records
        self._idle_seconds = idle_seconds

    async def Recognize(self, request: asr_pb2.RecognizeRequest, context: Context) -> asr_pb2.RecognizeResponse:
        engine = self._engine(request.config)
        job = to_job(request.config, engine, "config", principal.owner(context))
        result = await self._files.recognize(_whole(request.audio), engine, job)
        return messages.recognize_response(result, engine, word_offsets=job.word_offsets)

    async def RecognizeUpload(
        self, request_iterator: AsyncIterator[asr_pb2.RecognizeUploadRequest], context: Context
    ) -> asr_pb2.RecognizeResponse:
        async with aclosing(uploads.patient(aiter(request_iterator), self._stall_seconds)) as requests:
            return await self.recognize_upload(requests, context)

    async def recognize_upload(
        self,
        requests: AsyncIterator[asr_pb2.RecognizeUploadRequest],
        context: Context,
        on_hypothesis: Callable[[asr_pb2.Hypothesis], None] | None = None,
    ) -> asr_pb2.RecognizeResponse:
        """RecognizeUpload for requests that the caller does not let stall. `on_hypothesis` is called with each
        utterance as soon as it is recognised: before loops are cut out, and without its speaker.
        """
        first = await _first(requests)
        engine = self._engine(first.config)
        job = to_job(first.config, engine, "config", principal.owner(context))

        def report(utterance: Utterance) -> None:
            if on_hypothesis:
                on_hypothesis(messages.hypothesis_message(utterance, word_offsets=job.word_offsets))

        result = await self._files.recognize(request_stream.uploaded(first.audio.data, requests), engine, job, report)
        return messages.recognize_response(result, engine, word_offsets=job.word_offsets)

    def check(self, config: asr_pb2.RecognitionConfig) -> None:
        """InvalidField or NotFound("model"), as Recognize would raise them for this config."""
        to_job(config, self._engine(config), "config")

    async def Transcribe(
        self, request_iterator: AsyncIterator[asr_pb2.TranscribeRequest], context: Context
    ) -> asr_pb2.TranscribeResponse:
        async with aclosing(uploads.patient(aiter(request_iterator), self._stall_seconds)) as requests:
            first = await _first(requests)
            options, engine = to_document_options(first), self._engine(first.config)
            job = to_job(first.config, engine, "config", principal.owner(context), word_times=options.needs_words)
            result = await self._files.recognize(request_stream.uploaded(first.audio.data, requests), engine, job)
        if options.format is Format.JSON:
            message = messages.recognize_response(result, engine, word_offsets=job.word_offsets)
            written = json_format.MessageToJson(message, ensure_ascii=False)
        else:
            written = await asyncio.to_thread(
                document, result.transcript.utterances, options, result.transcript.warnings
            )
        return asr_pb2.TranscribeResponse(
            body=HttpBody(content_type=CONTENT_TYPES[options.format], data=written.encode())
        )

    async def StreamingRecognize(
        self, request_iterator: AsyncIterator[asr_pb2.StreamingRecognizeRequest], context: Context
    ) -> AsyncGenerator[asr_pb2.StreamingRecognizeResponse]:
        async with aclosing(uploads.patient(aiter(request_iterator), self._idle_seconds)) as requests:
            first = await anext(requests, None)
            if first is None or not first.HasField("config"):
                raise InvalidField("config", "The first message must be the config.", "CONFIG_FIRST")
            try:
                async with aclosing(self._recognize_live(first.config, requests, context)) as events:
                    async for event in events:
                        yield event
            except InvalidField as error:
                raise _in_stream(error) from error

    async def _recognize_live(
        self,
        config: asr_pb2.StreamingConfig,
        requests: AsyncIterator[asr_pb2.StreamingRecognizeRequest],
        context: Context,
    ) -> AsyncGenerator[asr_pb2.StreamingRecognizeResponse]:
        engine = self._engine(config.recognition)
        job = to_live_job(config.recognition, engine, "config.recognition", principal.owner(context))
        endpointing = to_endpointing(config.endpointing, engine, "config.endpointing")
        options = StreamOptions(job.options, endpointing, config.interim_results, job.separate_channels)
        with self._records.recorder(job) as recorder:
            backlog = Backlog()
            decoded: list[source.SampleSource] = []

            def decode(blocks: AsyncIterator[bytes]) -> source.SampleSource:
                copied = recorder.copied(blocks)
                opened = source.SampleSource(
                    copied, job.pcm, self._decoder, LIVE_LIMITS, separate=job.separate_channels
                )
                decoded.append(opened)
                return opened

            audio = request_stream.live(requests, decode, backlog)
            result = LiveResult(job.options, collect=recorder.is_recording)
            async with (
                aclosing(audio),
                self._work(WorkKind.RECOGNITION) as work,
                aclosing(counted(audio, work)) as heard,
                aclosing(recognize_stream(self._recognizer, engine, heard, backlog, options)) as events,
            ):
                work.model = engine.model.name
                async for event in events:
                    if isinstance(event, StreamFinished):
                        done = event
                    else:
                        yield messages.event(result.take(event), word_offsets=job.word_offsets)
            transcript = result.transcript(done, [warning for each in decoded for warning in each.warnings])
            yield messages.finished(done, engine, transcript, await recorder.record(transcript, engine))

    def _engine(self, config: asr_pb2.RecognitionConfig) -> Engine:
        models = self._recognizer.models
        return models.find(config.model) if config.model else models.default

    @property
    def _stall_seconds(self) -> float:
        return min(UPLOAD_STALL_SECONDS, self._idle_seconds)


async def _first(requests: AsyncIterator[T]) -> T:
    first = await anext(requests, None)
    if first is None:
        raise InvalidField("audio", "There is no audio.", "AUDIO_EMPTY")
    return first


async def _whole(audio: bytes) -> AsyncGenerator[bytes]:
    yield audio


def _in_stream(error: InvalidField) -> InvalidField:
    """The same, by its path in a stream: an engine names a grammar as it is in the config of a file."""
    if not error.field.startswith("config.grammar"):
        return error
    return InvalidField(error.field.replace("config.", "config.recognition.", 1), error.sentence, error.reason)
