"""The record of a generation: a text that was spoken, and how."""

import uuid
from dataclasses import dataclass
from enum import Enum

from google.protobuf.timestamp_pb2 import Timestamp
from voicebox.catalog.v1 import catalog_pb2
from voicebox_kit.durations import to_duration

from voicebox_tts.job import Job, StoredProfile
from voicebox_tts.voices.resolver import Speaker

from . import turns
from .turns import SpokenTurn


class Outcome(Enum):
    """How an utterance ended."""

    COMPLETED = catalog_pb2.GENERATION_STATUS_COMPLETED
    CANCELLED = catalog_pb2.GENERATION_STATUS_CANCELLED
    FAILED = catalog_pb2.GENERATION_STATUS_FAILED


@dataclass(frozen=True)
class Statistics:
    """An utterance that has ended, in figures. Without any audio, `first_chunk_seconds` is 0."""

    sample_count: int
    duration_seconds: float
    """Of the audio."""
    first_chunk_seconds: float
    """From the request's arrival to its first audio."""
    synthesis_seconds: float
    """From the request's arrival to its last audio, without the time that the client and pacing took."""


NO_AUDIO = Statistics(0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Summary:
    """What a record says of an utterance besides its job and its speaker."""

    text: str
    sample_rate_hz: int
    statistics: Statistics
    outcome: Outcome
    warnings: tuple[str, ...]
    word_error_rate: float | None
    voices: tuple[str, ...] = ()
    """Of all who speak, where there are several: `{engine}/{voice}` or `profiles/{profile}`."""
    turns: tuple[SpokenTurn, ...] = ()
    """Of a dialogue, and of any text with directions."""


def name_of(job: Job, outcome: Outcome) -> str:
    """The generation's name: the request id for a completed one, so that a retry records nothing twice.

    Any other has a random name, and the request id stays free for the retry.
    """
    return f"generations/{job.request_id if outcome is Outcome.COMPLETED else uuid.uuid4()}"


def generation(job: Job, speaker: Speaker, summary: Summary) -> catalog_pb2.Generation:
    """The record of an utterance that ends now."""
    now = Timestamp()
    now.GetCurrentTime()
    return catalog_pb2.Generation(
        name=name_of(job, summary.outcome),
        text=summary.text,
        profile=job.source.name if isinstance(job.source, StoredProfile) else "",
        voice=speaker.voice_name,
        engine=speaker.engine.name,
        model=speaker.engine.model.name,
        model_revision=speaker.engine.model.revision,
        language=speaker.language,
        seed=job.seed,
        speed=job.style.speed,
        pitch_semitones=job.style.pitch_semitones,
        parameters=_parameters(job, summary),
        container="flac",
        sample_rate_hz=summary.sample_rate_hz,
        duration=to_duration(summary.statistics.duration_seconds),
        time_to_first_chunk=to_duration(summary.statistics.first_chunk_seconds),
        synthesis_time=to_duration(summary.statistics.synthesis_seconds),
        status=summary.outcome.value,
        warnings=summary.warnings,
        word_error_rate=summary.word_error_rate,
        create_time=now,
        owner=job.owner,
    )


def _parameters(job: Job, summary: Summary) -> dict[str, str]:
    given = {
        "instructions": job.style.instructions,
        "voices": ", ".join(summary.voices),
        "lexicons": ", ".join(job.lexicons),
    }
    return {name: value for name, value in given.items() if value} | turns.parameters(summary.turns)
