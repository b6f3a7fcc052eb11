"""The record of a transcription."""

from dataclasses import dataclass

from voicebox_asr.engine import Engine
from voicebox_asr.job import RecordRequest
from voicebox_asr.results.transcript import Transcript


@dataclass(frozen=True)
class TranscriptionRecord:
    """What is stored beside the audio. `container` is as in `flac`, or empty; `created_ns` counts from 1970, UTC."""

    request: RecordRequest
    transcript: Transcript
    engine: str
    model: str
    model_revision: str
    container: str
    created_ns: int

    @property
    def name(self) -> str:
        """`transcriptions/{request_id}`: a request that is repeated is recorded once."""
        return f"transcriptions/{self.request.request_id}"


def transcription_record(
    request: RecordRequest, transcript: Transcript, engine: Engine, container: str, created_ns: int
) -> TranscriptionRecord:
    """The record of a transcript that `engine` made."""
    model = engine.model
    return TranscriptionRecord(request, transcript, engine.name, model.name, model.revision, container, created_ns)
