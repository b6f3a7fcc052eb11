"""What a Realtime client says becomes items with transcripts, by asr's StreamingRecognize."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from difflib import SequenceMatcher

import grpc
from google.protobuf.duration_pb2 import Duration
from voicebox.asr.v1 import asr_pb2
from voicebox_compat import openai_names
from voicebox_compat.openai import Notes

from voicebox_gateway.web.services import Metadata, Services

from .errors import Refusal, of_rpc
from .events import Send, add_item, new_id, refuse, user_item
from .session import RATE_HZ, Hearing

BYTES_PER_MS = 2 * RATE_HZ // 1000
MOST_WRITE_BYTES = 1024 * 1024
"""asr bounds how far sound may run ahead of being heard: in pieces of this size it comes as it is heard."""


CHECK_SECONDS = 10.0
HINTS = ("prompt", "voice_activity")
"""Fields of a recognition's config without which a model that cannot follow them hears."""


async def followed(services: Services, caller: Metadata, hearing: Hearing, notes: Notes) -> Hearing:
    """How asr can hear: without the hints that it cannot follow, which are noted. grpc.aio.AioRpcError for all else
    that it refuses.
    """
    config = asr_pb2.StreamingConfig()
    config.CopyFrom(hearing.config)
    while True:
        kept = replace(hearing, config=config)
        try:
            await check(services, caller, kept)
        except grpc.aio.AioRpcError as error:
            if not _left_out(config.recognition, of_rpc(error), notes):
                raise
        else:
            return kept


def _left_out(config: asr_pb2.RecognitionConfig, refusal: Refusal, notes: Notes) -> bool:
    """Whether the config changed."""
    if refusal.code == "model_not_found" and openai_names.OTHER_TRANSCRIPTION.fullmatch(
        config.model.removeprefix("models/")
    ):
        config.ClearField("model")
        notes.ignore("session.audio.input.transcription.model")
        return True
    for hint in HINTS:
        if refusal.code == "unsupported_by_engine" and hint in (refusal.param or "").split("."):
            config.ClearField(hint)  # type: ignore[arg-type]  # the stubs know literal names only
            where = "transcription.prompt" if hint == "prompt" else "turn_detection.threshold"
            notes.ignore(f"session.audio.input.{where}")
            return True
    return False


async def check(services: Services, caller: Metadata, hearing: Hearing) -> None:
    """Ask asr whether it can hear like that; grpc.aio.AioRpcError where it cannot.

    Asked before there is audio: a client whose message is under way when asr refuses sees "Internal error from Core" in
    its place.
    """
    config = asr_pb2.StreamingRecognizeRequest(config=hearing.config)
    async for _ in services.recognition.StreamingRecognize(iter([config]), timeout=CHECK_SECONDS, metadata=caller):
        pass


class Stretch:
    """The audio between two commits: one stream to asr. Its items are the turns that asr finds, or all of it where the
    client says so.
    """

    def __init__(self, services: Services, caller: Metadata, hearing: Hearing, send: Send, begin_ms: int) -> None:
        """`begin_ms` is how much audio the session had before."""
        self._call = services.recognition.StreamingRecognize(None, metadata=caller)
        self.hearing, self._send, self._begin_ms = hearing, send, begin_ms
        self._item_id, self._began_ms = new_id("item"), begin_ms
        self._sent = ""
        self._announced = False
        self._committed = False
        self.bytes = 0

    @property
    def ended(self) -> bool:
        """Whether it can take no more, since asr ended it."""
        return self._call.done()

    async def open(self) -> None:
        """Tell asr how to listen."""
        await self._write(asr_pb2.StreamingRecognizeRequest(config=self.hearing.config))

    async def append(self, audio: bytes) -> None:
        """The next samples; waits while asr is behind."""
        self.bytes += len(audio)
        for start in range(0, len(audio), MOST_WRITE_BYTES):
            await self._write(asr_pb2.StreamingRecognizeRequest(audio=audio[start : start + MOST_WRITE_BYTES]))

    async def commit(self) -> None:
        """No more comes, and what came is an item."""
        self._committed = True
        if not self.hearing.detects_turns:
            await self._announce()
        await self.end()

    async def end(self) -> None:
        """No more comes."""
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):  # it has ended: `follow` tells why
            await self._call.done_writing()

    async def drop(self) -> None:
        """Forget what was not yet heard."""
        self._call.cancel()
        if self._announced:
            await self._transcription(
                "failed", error=Refusal(400, "The buffer was cleared before this was heard.", "cleared").error
            )

    async def follow(self, on_speech: Callable[[], Awaitable[None]]) -> None:
        """Tell the client what asr hears, to the end; `on_speech` is called when a turn begins."""
        try:
            async for answer in self._call:
                await self._tell(answer, on_speech)
            if self._committed:
                await self._end_item(self._sent, self._begin_ms + self.bytes // BYTES_PER_MS)
        except grpc.aio.AioRpcError as error:
            await self._fail(of_rpc(error))
        finally:
            self._call.cancel()

    async def _write(self, request: asr_pb2.StreamingRecognizeRequest) -> None:
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):  # it has ended: `follow` tells why
            await self._call.write(request)

    async def _tell(self, answer: asr_pb2.StreamingRecognizeResponse, on_speech: Callable[[], Awaitable[None]]) -> None:
        kind = answer.WhichOneof("event")
        if not self.hearing.detects_turns:
            if kind == "final" and answer.final.transcript:
                await self._tell_more(f"{self._sent} {answer.final.transcript}".strip())
        elif kind == "speech_event":
            await self._tell_speech(answer.speech_event, on_speech)
        elif kind == "interim":
            await self._tell_more(answer.interim.stable_transcript)
        elif kind == "final":
            await self._end_item(answer.final.transcript, self._ms(answer.final.end_offset))

    async def _tell_speech(self, told: asr_pb2.SpeechEvent, on_speech: Callable[[], Awaitable[None]]) -> None:
        at_ms = self._ms(told.offset)
        if told.type == asr_pb2.SpeechEvent.TYPE_SPEECH_BEGIN:
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

    async def _tell_more(self, text: str) -> None:
        """Deltas only add."""
        if text.startswith(self._sent) and text != self._sent:
            await self._transcription("delta", delta=text[len(self._sent) :])
            self._sent = text

    async def _end_item(self, text: str, end_ms: int) -> None:
        if not self._announced:
            await self._announce()
        text = continued(self._sent, text)
        await self._tell_more(text)
        await self._transcription(
            "completed", transcript=text, usage={"type": "duration", "seconds": (end_ms - self._began_ms) / 1000}
        )
        self._item_id, self._began_ms, self._sent, self._announced = new_id("item"), end_ms, "", False
        # A commit makes at least one item, so that who waits for one gets it: the running turn, or what was left.
        self._committed = False

    async def _fail(self, refusal: Refusal) -> None:
        if self._announced:
            await self._transcription("failed", error=refusal.error)
        else:
            await refuse(self._send, refusal)

    async def _transcription(self, what: str, **fields: object) -> None:
        if self.hearing.transcribes:
            await self._send(
                f"conversation.item.input_audio_transcription.{what}", item_id=self._item_id, content_index=0, **fields
            )

    def _ms(self, offset: Duration) -> int:
        return self._begin_ms + offset.ToMilliseconds()


def continued(sent: str, final: str) -> str:
    """The final text in so far as it goes on from what was sent, so that all deltas joined are what is completed.

    asr promises that a stable text stays; where it changes all the same, the words after those that were sent are
    taken.
    """
    if final.startswith(sent):
        return final
    old, new = sent.split(), final.split()
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    last = max((block for block in blocks if block.size), key=lambda block: block.a, default=None)
    begin = min(len(old), len(new)) if last is None else last.b + len(old) - last.a
    return " ".join([sent, *new[begin:]])
