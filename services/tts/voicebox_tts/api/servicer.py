"""Speaks gRPC: every method checks its request, runs the one synthesizer, and answers in its own form."""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import grpc
from google.api import httpbody_pb2
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_audio.encoding.encodings import Encoding
from voicebox_audio.encoding.headers import finished
from voicebox_audio.encoding.marks import UNMARKED
from voicebox_kit import deadline, principal, request_id
from voicebox_kit.durations import to_duration
from voicebox_kit.errors import InvalidField
from voicebox_kit.server import MAX_MESSAGE_BYTES

from voicebox_tts.content_credentials import ContentCredentials
from voicebox_tts.job import MAX_RECORDED_CHARACTERS, MAX_STREAMED_CHARACTERS, MAX_TEXT_CHARACTERS
from voicebox_tts.settings import Settings
from voicebox_tts.synthesis.design import Designer
from voicebox_tts.synthesis.detection import WatermarkDetector
from voicebox_tts.synthesis.explanation import Explainer
from voicebox_tts.synthesis.script import DirectedText, Script, WholeText, WrittenText
from voicebox_tts.synthesis.speech_stream import Interrupted
from voicebox_tts.synthesis.synthesizer import Event, Finished, Started, Synthesizer
from voicebox_tts.synthesis.utterance import Chunk
from voicebox_tts.text.detection import LanguageDetector
from voicebox_tts.text.directions import Directed, Passage
from voicebox_tts.text.pauses import has_pauses
from voicebox_tts.voices.registry import VoiceRegistry

from . import messages, synthetic
from .field_paths import paths_below
from .requests import (
    checked_pauses,
    checked_ssml,
    checked_text,
    is_auto,
    refuse_check,
    spoken,
    to_ahead_seconds,
    to_design,
    to_dialogue,
    to_job,
)
from .voice_list import VoiceLists

MAX_UNARY_BYTES = MAX_MESSAGE_BYTES - 256 * 1024
"""What fits into one answer, with room for its other fields."""

MAX_ADAPTED_CHARACTERS = MAX_TEXT_CHARACTERS
"""Of a text that comes by an adapter, whose clients know the usual limits."""

Context = grpc.aio.ServicerContext[Any, Any]
SpeechRequest = tts_pb2.SynthesizeRequest | tts_pb2.StreamSynthesizeRequest | tts_pb2.PlaySpeechRequest
TextRequest = SpeechRequest | tts_pb2.ExplainSpeechRequest


class TextToSpeechServicer(tts_pb2_grpc.TextToSpeechServiceServicer):
    """The voicebox.tts.v1.TextToSpeechService."""

    def __init__(
        self,
        synthesizer: Synthesizer,
        explainer: Explainer,
        designer: Designer,
        detector: WatermarkDetector,
        credentials: ContentCredentials | None,
        registry: VoiceRegistry,
        settings: Settings,
    ) -> None:
        self._synthesizer, self._explainer = synthesizer, explainer
        self._designer, self._watermarks, self._registry = designer, detector, registry
        self._credentials = credentials
        self._detector = LanguageDetector()
        self._lists = VoiceLists(lambda: registry.default)
        self._ahead_seconds, self._idle_seconds = settings.ahead_seconds, settings.idle_seconds

    async def Synthesize(self, request: tts_pb2.SynthesizeRequest, context: Context) -> tts_pb2.SynthesizeResponse:
        response, audio, encoding, mark = tts_pb2.SynthesizeResponse(), bytearray(), Encoding.WAV, UNMARKED
        async with self._speech(request, context) as events:
            async for event in events:
                match event:
                    case Started():
                        encoding, mark = event.job.encoding, event.mark
                        response.started.CopyFrom(messages.started(event))
                    case Chunk():
                        audio += event.audio
                        response.words.extend(messages.words(event.words))
                        response.marks.extend(messages.marks(event.marks))
                        response.speakers.extend(messages.speakers(event.speakers))
                    case Finished():
                        response.finished.CopyFrom(messages.finished(event))
                if len(audio) > MAX_UNARY_BYTES:
                    raise InvalidField("text", "The audio does not fit into one answer: stream it.", "ANSWER_TOO_LARGE")
        whole = finished(encoding, bytes(audio), response.finished.sample_count, mark)
        response.audio = await self.signed(whole, encoding.content_type, response.started.model)
        await context.send_initial_metadata(synthetic.HEADERS)
        return response

    async def signed(self, file: bytes, media_type: str, model: str) -> bytes:
        """A whole file with a C2PA manifest, where there is a certificate and its media type has one."""
        if self._credentials is None:
            return file
        return await asyncio.to_thread(self._credentials.signed, file, media_type, model)

    async def StreamSynthesize(
        self, request: tts_pb2.StreamSynthesizeRequest, context: Context
    ) -> AsyncGenerator[tts_pb2.StreamSynthesizeResponse]:
        async with aclosing(synthetic.announced(self.stream(request, context), context)) as events:
            async for event in events:
                yield event

    async def stream(
        self,
        request: tts_pb2.StreamSynthesizeRequest,
        context: Context,
        most_characters: int = MAX_STREAMED_CHARACTERS,
    ) -> AsyncGenerator[tts_pb2.StreamSynthesizeResponse]:
        """What StreamSynthesize answers, without its header, for adapters that send their own."""
        async with self._speech(request, context, most_characters) as events:
            async for event in events:
                yield tts_pb2.StreamSynthesizeResponse(**_field(event))

    async def PlaySpeech(
        self, request: tts_pb2.PlaySpeechRequest, context: Context
    ) -> AsyncGenerator[tts_pb2.PlaySpeechResponse]:
        async with aclosing(synthetic.announced(self._played(request, context), context)) as pieces:
            async for piece in pieces:
                yield piece

    async def _played(
        self, request: tts_pb2.PlaySpeechRequest, context: Context
    ) -> AsyncGenerator[tts_pb2.PlaySpeechResponse]:
        kind = ""
        async with self._speech(request, context, MAX_STREAMED_CHARACTERS) as events:
            async for event in events:
                if isinstance(event, Started):
                    kind = messages.content_type(event.job.encoding, event.sample_rate_hz)
                elif isinstance(event, Finished):
                    context.set_trailing_metadata(
                        ((request_id.HEADER, request_id.current.get()), *messages.warning_trailers(event))
                    )
                elif isinstance(event, Chunk) and event.audio:
                    yield tts_pb2.PlaySpeechResponse(body=httpbody_pb2.HttpBody(content_type=kind, data=event.audio))

    async def StreamDialogue(
        self, request: tts_pb2.StreamDialogueRequest, context: Context
    ) -> AsyncGenerator[tts_pb2.StreamDialogueResponse]:
        async with aclosing(synthetic.announced(self._dialogue(request, context), context)) as events:
            async for event in events:
                yield event

    async def _dialogue(
        self, request: tts_pb2.StreamDialogueRequest, context: Context
    ) -> AsyncGenerator[tts_pb2.StreamDialogueResponse]:
        self._synthesizer.refuse_at_capacity(deadline.remaining(context, math.inf))
        script, ahead = DirectedText(to_dialogue(request)), to_ahead_seconds(request.ahead_seconds)
        async with self._events(request.config, "config", script, ahead, context) as events:
            async for event in events:
                yield tts_pb2.StreamDialogueResponse(**_field(event))

    async def ExplainSpeech(
        self, request: tts_pb2.ExplainSpeechRequest, context: Context
    ) -> tts_pb2.ExplainSpeechResponse:
        config, script = await self._script(request, context, MAX_TEXT_CHARACTERS)
        with paths_below("config", tts_pb2.SynthesisConfig.DESCRIPTOR):
            job = to_job(config, principal.owner(context))
            explanation = await self._explainer.explain(job, script, deadline.remaining(context, math.inf))
        return messages.explained(explanation)

    async def ConverseSynthesize(
        self, request_iterator: AsyncIterator[tts_pb2.ConverseSynthesizeRequest], context: Context
    ) -> AsyncGenerator[tts_pb2.ConverseSynthesizeResponse]:
        async with aclosing(synthetic.announced(self._conversation(request_iterator, context), context)) as events:
            async for event in events:
                yield event

    async def _conversation(
        self, request_iterator: AsyncIterator[tts_pb2.ConverseSynthesizeRequest], context: Context
    ) -> AsyncGenerator[tts_pb2.ConverseSynthesizeResponse]:
        first = await anext(aiter(request_iterator), None)
        if first is None or not first.HasField("config"):
            raise InvalidField("config", "The first message must be the config.", "CONFIG_FIRST")
        with paths_below("config", tts_pb2.ConverseConfig.DESCRIPTOR):
            ahead_seconds = to_ahead_seconds(first.config.ahead_seconds, self._ahead_seconds)
        script = WrittenText(self._idle_seconds)
        writer = asyncio.create_task(_write(request_iterator, script))
        try:
            speech = self._events(first.config.synthesis, "config.synthesis", script, ahead_seconds, context)
            async with speech as events:
                async for event in events:
                    yield tts_pb2.ConverseSynthesizeResponse(**_field(event))
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def DesignVoice(self, request: tts_pb2.DesignVoiceRequest, context: Context) -> tts_pb2.DesignVoiceResponse:
        with paths_below("config", tts_pb2.VoiceDesignConfig.DESCRIPTOR):
            voices = await self._designer.design(to_design(request))
            if sum(len(voice.audio) for voice in voices) > MAX_UNARY_BYTES:
                sentence = "The voices do not fit into one answer: ask for fewer, or for less text."
                raise InvalidField("count", sentence, "ANSWER_TOO_LARGE")
        await context.send_initial_metadata(synthetic.HEADERS)
        return tts_pb2.DesignVoiceResponse(voices=map(messages.designed, voices))

    async def DetectWatermark(
        self, request_iterator: AsyncIterator[tts_pb2.DetectWatermarkRequest], context: Context
    ) -> tts_pb2.DetectWatermarkResponse:
        found = await self._watermarks.detect(request.audio.data async for request in request_iterator)
        return messages.detected(found)

    async def ListVoices(self, request: tts_pb2.ListVoicesRequest, context: Context) -> tts_pb2.ListVoicesResponse:
        offered = [offer for offer in await self._registry.offers() if request.engine in ("", offer.engine.name)]
        return self._lists.get(request.engine, spoken(request.language, "language"), tuple(offered))

    @asynccontextmanager
    async def _speech(
        self,
        request: SpeechRequest,
        context: Context,
        most_characters: int = MAX_TEXT_CHARACTERS,
    ) -> AsyncIterator[AsyncGenerator[Event]]:
        ahead = 0.0 if isinstance(request, tts_pb2.SynthesizeRequest) else request.ahead_seconds
        config, script = await self._script(request, context, most_characters)
        is_streamed = not isinstance(request, tts_pb2.SynthesizeRequest)
        speech = self._events(config, "config", script, to_ahead_seconds(ahead), context, is_streamed=is_streamed)
        async with speech as events:
            yield events

    async def _script(
        self, request: TextRequest, context: Context, most_characters: int
    ) -> tuple[tts_pb2.SynthesisConfig, Script]:
        """What a request says, and its config, which is changed where the text is too long for the history."""
        read = partial(_said, request.text, request.ssml, most_characters, is_verbatim=request.config.verbatim)
        self._synthesizer.refuse_at_capacity(deadline.remaining(context, math.inf))
        # Half a second of work for the longest text: not on the loop that sends the others' audio.
        is_long = max(len(request.text), len(request.ssml)) > MAX_TEXT_CHARACTERS
        said = await asyncio.to_thread(read) if is_long else read()
        config, warnings = request.config, tuple[str, ...]()
        if len(request.text) > MAX_RECORDED_CHARACTERS:
            with paths_below("config", tts_pb2.SynthesisConfig.DESCRIPTOR):
                refuse_check(config, request.text)
            config, warnings = _unrecorded(config)
        if is_auto(request.config.style.language):
            directed = said if isinstance(said, Directed) else Directed((Passage(said),))
            with paths_below("config", tts_pb2.SynthesisConfig.DESCRIPTOR):
                spoken_here = await self._languages(request.config)
            said = await asyncio.to_thread(self._detector.in_languages, directed, spoken_here)
        if isinstance(said, Directed):
            return config, DirectedText(replace(said, warnings=(*said.warnings, *warnings)))
        return config, WholeText(said, warnings)

    async def _languages(self, config: tts_pb2.SynthesisConfig) -> list[str]:
        """The languages that somebody here speaks, or who follows the recording or profile; the usual one first."""
        if config.voice.WhichOneof("source") in ("profile", "reference"):
            return list(self._registry.follower(config.model)[0].model.languages)
        _, voice = await self._registry.find(config.voice.voice, "", config.model)
        offers = await self._registry.offers()
        others = (language for offer in offers for each in offer.voices for language in each.languages)
        return [*voice.languages, *others]

    @asynccontextmanager
    async def _events(
        self,
        config: tts_pb2.SynthesisConfig,
        path: str,
        script: Script,
        ahead_seconds: float,
        context: Context,
        *,
        is_streamed: bool = True,
    ) -> AsyncIterator[AsyncGenerator[Event]]:
        """The events of speech; an error in the block names a field of the config, which is at `path`, by its whole
        path.
        """
        with paths_below(path, tts_pb2.SynthesisConfig.DESCRIPTOR):
            job = to_job(config, principal.owner(context), ahead_seconds)
            timeout_seconds = deadline.remaining(context, math.inf)
            speech = self._synthesizer.speak(job, script, timeout_seconds, is_streamed=is_streamed)
            async with aclosing(speech) as events:
                yield events


def _unrecorded(config: tts_pb2.SynthesisConfig) -> tuple[tts_pb2.SynthesisConfig, tuple[str, ...]]:
    """The config of a text that is too long for the history, and a warning where it was to be there."""
    changed = tts_pb2.SynthesisConfig()
    changed.CopyFrom(config)
    changed.store = False
    if config.HasField("store") and not config.store:
        return changed, ()
    return changed, (f"A text of more than {MAX_RECORDED_CHARACTERS} characters is not stored in the history.",)


def _said(text: str, ssml: str, most_characters: int, *, is_verbatim: bool) -> str | Directed:
    """What a request says, as text or as SSML; InvalidField where it is wrong."""
    if ssml:
        return checked_ssml(text, ssml)
    text = checked_text(text, most_characters)
    return checked_pauses(text) if has_pauses(text) and not is_verbatim else text


def _field(event: Event) -> dict[str, Any]:
    match event:
        case Started():
            return {"started": messages.started(event)}
        case Chunk():
            return {"chunk": messages.chunk(event)}
        case Interrupted():
            return {"interrupted": tts_pb2.SpeechInterrupted(offset=to_duration(event.offset_seconds))}
        case Finished():
            return {"finished": messages.finished(event)}


async def _write(requests: AsyncIterator[tts_pb2.ConverseSynthesizeRequest], script: WrittenText) -> None:
    """Hand the client's text on until it closes its side; what is wrong with it ends the script."""
    try:
        async for request in requests:
            _apply(request, script)
        script.end()
    except Exception as error:  # whatever it is, the reader must not wait for text that never comes
        script.end(error)


def _apply(request: tts_pb2.ConverseSynthesizeRequest, script: WrittenText) -> None:
    match request.WhichOneof("message"):
        case "text":
            script.write(request.text)
        case "control" if request.control == tts_pb2.CONVERSE_CONTROL_FLUSH:
            script.flush()
        case "control" if request.control == tts_pb2.CONVERSE_CONTROL_INTERRUPT:
            script.interrupt()
        case "control":
            raise InvalidField("control", f"There is no control {request.control}.")
        case _:
            raise InvalidField("config", "Only the first message may be the config.", "CONFIG_TWICE")
