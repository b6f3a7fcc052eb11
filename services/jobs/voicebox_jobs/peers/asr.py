"""A client of asr: recordings of a batch."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.json_format import MessageToDict
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox_blobs.blocks import for_messages
from voicebox_kit.peer_calls import metadata_for
from voicebox_kit.uploads import answer_of

from .errors import peer_errors

ITEM_SECONDS = 3600.0


class Asr:
    """A channel to asr, made in the event loop that uses it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: asr_pb2_grpc.SpeechToTextServiceAsyncStub = asr_pb2_grpc.SpeechToTextServiceStub(channel)  # type: ignore[assignment]

    async def recognize(
        self, blocks: AsyncIterator[bytes], language: str, model: str, owner: str, *, by_word: bool = False
    ) -> tuple[dict[str, Any], int]:
        """The answer as JSON with the contract's names, and how long the audio is in microseconds; `by_word` with the
        times and speakers of words. VoiceboxError.
        """
        config = asr_pb2.RecognitionConfig(language=language, model=model, word_offsets=by_word)
        config.diarization.enabled = by_word

        async def messages() -> AsyncIterator[asr_pb2.RecognizeUploadRequest]:
            yield asr_pb2.RecognizeUploadRequest(config=config)
            async for piece in for_messages(blocks):
                yield asr_pb2.RecognizeUploadRequest(audio=HttpBody(data=piece))

        with peer_errors("asr"):
            answer = await answer_of(
                self._stub.RecognizeUpload(messages(), timeout=ITEM_SECONDS, metadata=metadata_for(owner))
            )
        return MessageToDict(answer, preserving_proto_field_name=True), answer.audio_duration.ToMicroseconds()
