"""A client of asr: checks what was spoken."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
from google.api import httpbody_pb2
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox_kit import principal
from voicebox_kit.errors import Unavailable
from voicebox_kit.peer_calls import metadata_for
from voicebox_kit.uploads import answer_of

from voicebox_tts.text.word_errors import word_error_rate

BLOCK_BYTES = 64 * 1024
MIN_SECONDS = 30.0
SLOWEST_RECOGNITION = 2.0
"""Seconds that recognition may take for each second of audio."""


class SpeechCheck:
    """A channel to the asr service, made in the event loop that uses it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: asr_pb2_grpc.SpeechToTextServiceAsyncStub = asr_pb2_grpc.SpeechToTextServiceStub(channel)  # type: ignore[assignment]

    async def word_error_rate(
        self, audio: Path, text: str, language: str, duration_seconds: float, owner: str
    ) -> float:
        """The word error rate of a FLAC file against its text; Unavailable("CHECK_FAILED") when asr cannot say it."""
        timeout_seconds = MIN_SECONDS + SLOWEST_RECOGNITION * duration_seconds
        metadata = (*metadata_for(owner), principal.UNCOUNTED)
        with audio.open("rb") as file:

            async def messages() -> AsyncIterator[asr_pb2.RecognizeUploadRequest]:
                yield asr_pb2.RecognizeUploadRequest(config=asr_pb2.RecognitionConfig(language=language))
                while block := file.read(BLOCK_BYTES):
                    yield asr_pb2.RecognizeUploadRequest(
                        audio=httpbody_pb2.HttpBody(content_type="audio/flac", data=block)
                    )

            try:
                answer = await answer_of(
                    self._stub.RecognizeUpload(messages(), timeout=timeout_seconds, metadata=metadata)
                )
            except grpc.aio.AioRpcError as error:
                raise Unavailable("CHECK_FAILED", f"asr answered {error.code().name}: {error.details()}") from error
        return word_error_rate(text, answer.transcript)
