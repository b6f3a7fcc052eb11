"""Transcribes the audio of a Realtime client with asr's StreamingRecognize; each turn becomes an item."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from difflib import SequenceMatcher

import grpc
from google.protobuf.duration_pb2 import Duration
from voicebox.asr.v1 import asr_pb2
from voicebox_compat import openai_names
from voicebox_compat.openai import Diagnostics

from .errors import ApiError, from_rpc_error
from .events import SendEvent, add_item, new_id, send_error, user_item
from .services import Metadata, Services
from .session import RATE_HZ, InputSettings

BYTES_PER_MS = 2 * RATE_HZ // 1000
MAX_WRITE_BYTES = 1024 * 1024
"""asr limits how far audio may be ahead of recognition: pieces of this size never reach that limit."""


CHECK_SECONDS = 10.0
HINTS = ("prompt", "voice_activity")
"""Fields of RecognitionConfig that are dropped when the model does not support them."""


async def without_unsupported_hints(
    services: Services, caller: Metadata, settings: InputSettings, diagnostics: Diagnostics
) -> InputSettings:
    """The settings without the hints that asr does not support; those are named in `diagnostics`. Raises
    grpc.aio.AioRpcError for every other error of asr.
    """
    config = asr_pb2.StreamingConfig()
    config.CopyFrom(settings.config)
    while True:
        supported = replace(settings, config=config)
        try:
            await check(services, caller, supported)
        except grpc.aio.AioRpcError as error:
            if not _drop_hint(config.recognition, from_rpc_error(error), diagnostics):
                raise
        else:
            return supported


def _drop_hint(config: asr_pb2.RecognitionConfig, api_error: ApiError, diagnostics: Diagnostics) -> bool:
    """Whether the config changed."""
    if api_error.code == "model_not_found" and openai_names.OTHER_TRANSCRIPTION.fullmatch(
        config.model.removeprefix("models/")
    ):
        config.ClearField("model")
        diagnostics.ignore("session.audio.input.transcription.model")
        return True
    for hint in HINTS:
        if api_error.code == "unsupported_by_engine" and hint in (api_error.param or "").split("."):
            config.ClearField(hint)  # type: ignore[arg-type]  # the stubs know literal names only
            where = "transcription.prompt" if hint == "prompt" else "turn_detection.threshold"
            diagnostics.ignore(f"session.audio.input.{where}")
            return True
    return False


async def check(services: Services, caller: Metadata, settings: InputSettings) -> None:
    """Check the settings with asr; raises grpc.aio.AioRpcError when it refuses them. This happens before there is
    audio: if a message is being sent when asr refuses, gRPC reports "Internal error from Core" instead of the error.
    """
    config = asr_pb2.StreamingRecognizeRequest(config=settings.config)
    async for _ in services.recognition.StreamingRecognize(iter([config]), timeout=CHECK_SECONDS, metadata=caller):
        pass


class RecognitionStream:
    """The audio between two commits: one stream to asr. Each turn that asr finds is an item; without turn detection all
    of it is one item.
    """

    def __init__(
        self, services: Services, caller: Metadata, settings: InputSettings, send: SendEvent, begin_ms: int
    ) -> None:
        """`begin_ms` is the duration of the session's audio before this stream."""
        self._call = services.recognition.StreamingRecognize(None, metadata=caller)
        self.settings, self._send, self._begin_ms = settings, send, begin_ms
        self._item_id, self._began_ms = new_id("item"), begin_ms
        self._sent = ""
        self._announced = False
        self._committed = False
        self.bytes = 0

    @property
    def ended(self) -> bool:
        """Whether asr has ended the stream."""
        return self._call.done()

    async def open(self) -> None:
        """Send the config to asr."""
        await self._write(asr_pb2.StreamingRecognizeRequest(config=self.settings.config))

    async def append(self, audio: bytes) -> None:
        """Send the next samples; waits while asr is behind."""
        self.bytes += len(audio)
        for start in range(0, len(audio), MAX_WRITE_BYTES):
            await self._write(asr_pb2.StreamingRecognizeRequest(audio=audio[start : start + MAX_WRITE_BYTES]))

    async def commit(self) -> None:
        """End the audio; it becomes an item."""
        self._committed = True
        if not self.settings.detects_turns:
            await self._announce()
        await self.end()

    async def end(self) -> None:
        """End the audio."""
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):  # it has ended: `follow` sends the reason
            await self._call.done_writing()

    async def drop(self) -> None:
        """Discard audio that is not recognised yet."""
        self._call.cancel()
        if self._announced:
            await self._transcription(
                "failed", error=ApiError(400, "The buffer was cleared before this was transcribed.", "cleared").error
            )

    async def follow(self, on_speech: Callable[[], Awaitable[None]]) -> None:
        """Send asr's results to the client until the stream ends; `on_speech` is called when a turn begins."""
        try:
            async for answer in self._call:
                await self._send_result(answer, on_speech)
            if self._committed:
                await self._end_item(self._sent, self._begin_ms + self.bytes // BYTES_PER_MS)
        except grpc.aio.AioRpcError as error:
            await self._fail(from_rpc_error(error))
        finally:
            self._call.cancel()

    async def _write(self, request: asr_pb2.StreamingRecognizeRequest) -> None:
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):  # it has ended: `follow` sends the reason
            await self._call.write(request)

    async def _send_result(
        self, answer: asr_pb2.StreamingRecognizeResponse, on_speech: Callable[[], Awaitable[None]]
    ) -> None:
        kind = answer.WhichOneof("event")
        if not self.settings.detects_turns:
            if kind == "final" and answer.final.transcript:
                await self._send_delta(f"{self._sent} {answer.final.transcript}".strip())
        elif kind == "speech_event":
            await self._send_speech_event(answer.speech_event, on_speech)
        elif kind == "interim":
            await self._send_delta(answer.interim.stable_transcript)
        elif kind == "final":
            await self._end_item(answer.final.transcript, self._ms(answer.final.end_offset))

    async def _send_speech_event(self, event: asr_pb2.SpeechEvent, on_speech: Callable[[], Awaitable[None]]) -> None:
        at_ms = self._ms(event.offset)
        if event.type == asr_pb2.SpeechEvent.TYPE_SPEECH_BEGIN:
            self._began_ms = at_ms
            await self._send("input_audio_buffer.speech_started", item_id=self._item_id, audio_start_ms=at_ms)
            await on_speech()
        else:
            await self._send("input_audio_buffer.speech_stopped", item_id=self._item_id, audio_end_ms=at_ms)
            await self._announce()

    async def _announce(self) -> None:
        self._announced = True
        await self._send("input_audio_buffer.committed", item_id=self._item_id, previous_item_id=None)
        await add_item(self._send, user_item(self._item_id, {"type": "input_audio", "transcript": None}))

    async def _send_delta(self, text: str) -> None:
        """Deltas only add."""
        if text.startswith(self._sent) and text != self._sent:
            await self._transcription("delta", delta=text[len(self._sent) :])
            self._sent = text

    async def _end_item(self, text: str, end_ms: int) -> None:
        if not self._announced:
            await self._announce()
        text = continued(self._sent, text)
        await self._send_delta(text)
        await self._transcription(
            "completed", transcript=text, usage={"type": "duration", "seconds": (end_ms - self._began_ms) / 1000}
        )
        self._item_id, self._began_ms, self._sent, self._announced = new_id("item"), end_ms, "", False
        # A commit creates at least one item: the current turn, or the audio that is left.
        self._committed = False

    async def _fail(self, api_error: ApiError) -> None:
        if self._announced:
            await self._transcription("failed", error=api_error.error)
        else:
            await send_error(self._send, api_error)

    async def _transcription(self, what: str, **fields: object) -> None:
        if self.settings.transcribes:
            await self._send(
                f"conversation.item.input_audio_transcription.{what}", item_id=self._item_id, content_index=0, **fields
            )

    def _ms(self, offset: Duration) -> int:
        return self._begin_ms + offset.ToMilliseconds()


def continued(sent: str, final: str) -> str:
    """The final text as a continuation of what was sent, so that the deltas joined are the completed text. asr does not
    change a stable text; if it differs all the same, the words after those already sent are used.
    """
    if final.startswith(sent):
        return final
    old, new = sent.split(), final.split()
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    last = max((block for block in blocks if block.size), key=lambda block: block.a, default=None)
    begin = min(len(old), len(new)) if last is None else last.b + len(old) - last.a
    return " ".join([sent, *new[begin:]])
