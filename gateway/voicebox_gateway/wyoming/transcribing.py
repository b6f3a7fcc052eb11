"""Transcribes audio: Wyoming's requests to asr, and asr's results as events."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from dataclasses import dataclass

import grpc
from voicebox.asr.v1 import asr_pb2
from voicebox_kit.errors import InvalidField

from . import fields
from .events import Event
from .fields import Data
from .services import Services, cancelled_at_end, lost_its_details

ASK_SECONDS = 10.0
SAMPLE_BYTES = 2


@dataclass(frozen=True)
class SampleFormat:
    """How samples are written, as asr takes them: s16le, 8 to 48 kHz, 1 to 8 channels."""

    sample_rate_hz: int
    channel_count: int


def sample_format(data: Data) -> SampleFormat:
    """Reads `rate`, `width` and `channels`. Raises InvalidField."""
    fields.whole(data, "width", SAMPLE_BYTES, SAMPLE_BYTES)
    return SampleFormat(fields.whole(data, "rate", 8000, 48_000), fields.whole(data, "channels", 1, 8))


def samples(audio_format: SampleFormat, event: Event) -> bytes:
    """The samples of an `audio-chunk`, which must be written as its `audio-start` says."""
    if sample_format(event.data) != audio_format:
        raise InvalidField("rate", "Each audio-chunk must have the rate, width and channels of its audio-start.")
    return event.payload


async def transcribe(
    data: Data, audio_format: SampleFormat, blocks: AsyncIterator[bytes], services: Services, seconds: float
) -> AsyncGenerator[Event]:
    """Answers `transcribe` and the audio that follows it, an utterance at a time; at most `seconds`."""
    config = asr_pb2.RecognitionConfig(
        encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE,
        sample_rate_hz=audio_format.sample_rate_hz,
        channel_count=audio_format.channel_count,
        language=fields.text(data, "language"),
        model=fields.text(data, "name"),
        hotwords=[*fields.texts(data, "transcript_names"), *fields.texts(data, "transcript_terms")],
    )

    async def requests() -> AsyncIterator[asr_pb2.StreamingRecognizeRequest]:
        yield asr_pb2.StreamingRecognizeRequest(config=asr_pb2.StreamingConfig(recognition=config))
        async for block in blocks:
            yield asr_pb2.StreamingRecognizeRequest(audio=block)

    try:
        with cancelled_at_end(services.asr.StreamingRecognize(requests(), timeout=seconds)) as call:
            async for event in _events(call):
                yield event
    except grpc.aio.AioRpcError as error:
        if lost_its_details(error):  # without audio asr returns its error again
            first = asr_pb2.StreamingRecognizeRequest(config=asr_pb2.StreamingConfig(recognition=config))
            async for _ in services.asr.StreamingRecognize(iter([first]), timeout=ASK_SECONDS):
                pass
        raise


async def _events(answers: AsyncIterable[asr_pb2.StreamingRecognizeResponse]) -> AsyncIterator[Event]:
    """Each final is a chunk; the chunks joined are the transcript, for clients that do not support chunks."""
    finals: list[str] = []
    async for answer in answers:
        match answer.WhichOneof("event"):
            case "final" if answer.final.transcript:
                if not finals:
                    yield Event("transcript-start", {"language": answer.final.language})
                finals.append(answer.final.transcript)
                yield Event("transcript-chunk", {"text": f" {finals[-1]}" if finals[1:] else finals[-1]})
            case "finished":
                if not finals:
                    yield Event("transcript-start", {"language": answer.finished.language})
                yield Event("transcript", {"text": " ".join(finals), "language": answer.finished.language})
                yield Event("transcript-stop")
