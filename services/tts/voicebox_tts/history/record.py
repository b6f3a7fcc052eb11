"""What the history keeps of an utterance."""

import uuid
from enum import Enum

from google.protobuf.timestamp_pb2 import Timestamp
from voicebox.catalog.v1 import catalog_pb2
from voicebox_kit.durations import to_duration

from voicebox_tts.job import Job, Profile
from voicebox_tts.voices.resolver import Speaker


class Ending(Enum):
    """How an utterance ended."""

    COMPLETED = catalog_pb2.GENERATION_STATUS_COMPLETED
    CANCELLED = catalog_pb2.GENERATION_STATUS_CANCELLED
    FAILED = catalog_pb2.GENERATION_STATUS_FAILED


def name_of(job: Job, ending: Ending) -> str:
    """The generation's name: the request id names what was completed, so that a retry records nothing twice.

    What was cut short has a name of its own, and the request id stays free for the retry.
    """
    return f"generations/{job.request_id if ending is Ending.COMPLETED else uuid.uuid4()}"


def generation(
    job: Job,
    speaker: Speaker,
    *,
    text: str,
    sample_rate_hz: int,
    duration_seconds: float,
    first_chunk_seconds: float,
    synthesis_seconds: float,
    ending: Ending,
    warnings: tuple[str, ...],
    word_error_rate: float | None,
) -> catalog_pb2.Generation:
    """The record of an utterance that ends now."""
    now = Timestamp()
    now.GetCurrentTime()
    return catalog_pb2.Generation(
        name=name_of(job, ending),
        text=text,
        profile=job.source.name if isinstance(job.source, Profile) else "",
        voice=speaker.voice_name,
        engine=speaker.engine.name,
        model=speaker.engine.model.name,
        model_revision=speaker.engine.model.revision,
        language=speaker.language,
        seed=job.seed,
        speed=job.style.speed,
        pitch_semitones=job.style.pitch_semitones,
        parameters={"instructions": job.style.instructions} if job.style.instructions else {},
        container="flac",
        sample_rate_hz=sample_rate_hz,
        duration=to_duration(duration_seconds),
        time_to_first_chunk=to_duration(first_chunk_seconds),
        synthesis_time=to_duration(synthesis_seconds),
        status=ending.value,
        warnings=warnings,
        word_error_rate=word_error_rate,
        create_time=now,
        owner=job.owner,
    )
