"""A client of the catalog: it stores transcriptions with their audio."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from voicebox.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from voicebox_kit.durations import to_duration
from voicebox_kit.peer_calls import metadata_for
from voicebox_kit.uploads import answer_of
from voicebox_outbox.outbox import Delivery, Outbox

from voicebox_asr.engine import Word
from voicebox_asr.records.record import TranscriptionRecord
from voicebox_asr.results.utterance import Utterance

BLOCK_BYTES = 256 * 1024
MAX_WARNINGS = 100
"""The catalog stores no more."""


class Catalog:
    """A channel to the catalog service, made in the event loop that uses it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: catalog_pb2_grpc.CatalogServiceAsyncStub = catalog_pb2_grpc.CatalogServiceStub(channel)  # type: ignore[assignment]

    async def record(self, transcription: catalog_pb2.Transcription, audio: Path, timeout_seconds: float) -> None:
        """Store a transcription with its audio. AioRpcError as the catalog answers, Unavailable when it goes away."""

        # Opened here: an error raised inside `messages` only cancels the call, as if its caller had left.
        with audio.open("rb") as file:

            async def messages() -> AsyncIterator[catalog_pb2.RecordTranscriptionRequest]:
                yield catalog_pb2.RecordTranscriptionRequest(transcription=transcription)
                while block := file.read(BLOCK_BYTES):
                    yield catalog_pb2.RecordTranscriptionRequest(audio=block)

            metadata = metadata_for(transcription.owner)
            await answer_of(self._stub.RecordTranscription(messages(), timeout=timeout_seconds, metadata=metadata))


class TranscriptionOutbox:
    """An outbox of the catalog's messages that takes the service's own records."""

    def __init__(self, outbox: Outbox[catalog_pb2.Transcription]) -> None:
        self._outbox = outbox

    def reserve(self) -> Path:
        """As in Outbox."""
        return self._outbox.reserve()

    async def keep(self, audio: Path, record: TranscriptionRecord) -> Delivery:
        """As in Outbox; the caller waits a second for the catalog."""
        return await self._outbox.keep(audio, transcription(record), promptly=True)


def transcription(record: TranscriptionRecord) -> catalog_pb2.Transcription:
    """The catalog's message of a record."""
    created, transcript = Timestamp(), record.transcript
    created.FromNanoseconds(record.created_ns)
    return catalog_pb2.Transcription(
        name=record.name,
        owner=record.request.owner,
        labels=record.request.labels,
        parameters=record.request.parameters,
        text=transcript.text,
        utterances=[_utterance(utterance) for utterance in transcript.utterances],
        engine=record.engine,
        model=record.model,
        model_revision=record.model_revision,
        language=transcript.language,
        container=record.container,
        duration=to_duration(transcript.audio_seconds),
        recognition_time=to_duration(transcript.recognition_seconds),
        speaker_count=transcript.speaker_count,
        warnings=[warning.sentence for warning in transcript.warnings[:MAX_WARNINGS]],
        create_time=created,
    )


def _utterance(utterance: Utterance) -> catalog_pb2.TranscriptionUtterance:
    return catalog_pb2.TranscriptionUtterance(
        text=utterance.hypothesis.text,
        start_offset=to_duration(utterance.start_seconds),
        end_offset=to_duration(utterance.end_seconds),
        speaker=utterance.speaker,
        channel=utterance.channel,
        language=utterance.hypothesis.language,
        words=[_word(word, utterance.speaker) for word in utterance.hypothesis.words],
    )


def _word(word: Word, speaker: str) -> catalog_pb2.TranscriptionWord:
    return catalog_pb2.TranscriptionWord(
        text=word.text,
        start_offset=to_duration(word.start_seconds),
        end_offset=to_duration(word.end_seconds),
        confidence=word.confidence,
        speaker=speaker,
    )
