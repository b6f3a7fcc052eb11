"""Rows to proto messages, and back."""

import math
from collections.abc import Callable, Iterable
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_kit.errors import InvalidField

from . import checks
from .keys import time_us_of
from .tables import Generation, Profile, Sample

MAX_TEXT = 100_000
MAX_NAME = 300
MAX_WARNINGS = 100
MAX_TIME_US = 7_258_118_400_000_000
"""The year 2200."""

PROFILE_FIELDS = ("display_name", "language", "description", "labels", "consent_statement")
"""What a caller may set in a profile."""


def profile_columns(message: pb.Profile, fields: Iterable[str]) -> dict[str, Any]:
    """The checked values of these fields, by the names of their columns."""
    checked: dict[str, Callable[[], Any]] = {
        "display_name": lambda: checks.display_name(message.display_name, "profile.display_name"),
        "language": lambda: checks.language(message.language, "profile.language"),
        "description": lambda: checks.text(message.description, "profile.description", 2000),
        "labels": lambda: checks.labels(message.labels, "profile.labels"),
        "consent_statement": lambda: checks.text(message.consent_statement, "profile.consent_statement", 2000),
    }
    return {field: checked[field]() for field in fields}


def to_profile(row: Profile) -> pb.Profile:
    """The message of a profile."""
    return pb.Profile(
        name=f"profiles/{row.id}",
        display_name=row.display_name,
        language=row.language,
        description=row.description,
        labels=row.labels,
        consent_statement=row.consent_statement,
        sample_count=row.sample_count,
        create_time=to_timestamp(time_us_of(row.key)),
        update_time=to_timestamp(row.update_time_us),
        etag=row.etag,
        owner=row.owner,
    )


def to_sample(profile: str, row: Sample) -> pb.Sample:
    """The message of a sample of `profiles/{profile}`."""
    return pb.Sample(
        name=f"profiles/{profile}/samples/{row.id}",
        transcript=row.transcript,
        duration=to_duration(row.duration_us),
        container=row.container,
        sample_rate_hz=row.sample_rate_hz,
        channel_count=row.channel_count,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        create_time=to_timestamp(time_us_of(row.key)),
        level_dbfs=row.level_dbfs,
    )


def to_generation(row: Generation) -> pb.Generation:
    """The message of a generation."""
    return pb.Generation(
        name=f"generations/{row.id}",
        text=row.text,
        profile=row.profile,
        voice=row.voice,
        engine=row.engine,
        model=row.model,
        language=row.language,
        seed=row.seed,
        speed=row.speed,
        pitch_semitones=row.pitch_semitones,
        container=row.container,
        sample_rate_hz=row.sample_rate_hz,
        duration=to_duration(row.duration_us),
        size_bytes=row.size_bytes,
        time_to_first_chunk=to_duration(row.time_to_first_chunk_us),
        synthesis_time=to_duration(row.synthesis_time_us),
        status=pb.GenerationStatus.ValueType(row.status),
        warnings=row.warnings,
        create_time=to_timestamp(time_us_of(row.key)),
        owner=row.owner,
    )


def from_generation(message: pb.Generation, owner: str) -> Generation:
    """The row of a generation without audio, and without the key, which the store draws. InvalidField names what is wrong."""
    return Generation(
        key=0,
        owner=owner,
        id=checks.generation_request_id(message.name),
        text=checks.text(message.text, "generation.text", MAX_TEXT),
        profile=checks.text(message.profile, "generation.profile", MAX_NAME),
        voice=checks.text(message.voice, "generation.voice", MAX_NAME),
        engine=checks.text(message.engine, "generation.engine", MAX_NAME),
        model=checks.text(message.model, "generation.model", MAX_NAME),
        language=checks.text(message.language, "generation.language", MAX_NAME),
        seed=message.seed,
        speed=_finite(message.speed, "generation.speed"),
        pitch_semitones=_finite(message.pitch_semitones, "generation.pitch_semitones"),
        container=checks.text(message.container, "generation.container", 32),
        sample_rate_hz=_at_least_zero(message.sample_rate_hz, "generation.sample_rate_hz"),
        duration_us=_duration_us(message.duration, "generation.duration"),
        size_bytes=0,
        time_to_first_chunk_us=_duration_us(message.time_to_first_chunk, "generation.time_to_first_chunk"),
        synthesis_time_us=_duration_us(message.synthesis_time, "generation.synthesis_time"),
        status=_status(message.status),
        warnings=_warnings(message.warnings),
        blob="",
    )


def create_time_us(message: pb.Generation, now_us: int) -> int:
    """Microseconds since 1970 at which a generation was spoken: now, unless it says so."""
    if not message.HasField("create_time"):
        return now_us
    time_us = message.create_time.seconds * 1_000_000 + message.create_time.nanos // 1000
    if not 0 <= time_us < MAX_TIME_US:
        raise InvalidField("generation.create_time", "generation.create_time must be from 1970 to 2199.")
    return time_us


def to_timestamp(time_us: int) -> Timestamp:
    """The timestamp of microseconds since 1970."""
    return Timestamp(seconds=time_us // 1_000_000, nanos=time_us % 1_000_000 * 1000)


def to_duration(duration_us: int) -> Duration:
    """The duration of microseconds, not negative."""
    return Duration(seconds=duration_us // 1_000_000, nanos=duration_us % 1_000_000 * 1000)


def _duration_us(message: Duration, field: str) -> int:
    duration_us = message.seconds * 1_000_000 + message.nanos // 1000
    if not 0 <= duration_us < MAX_TIME_US:
        raise InvalidField(field, f"{field} must not be negative.")
    return duration_us


def _finite(value: float, field: str) -> float:
    if not math.isfinite(value):
        raise InvalidField(field, f"{field} must be a finite number.")
    return value


def _at_least_zero(value: int, field: str) -> int:
    if value < 0:
        raise InvalidField(field, f"{field} must not be negative.")
    return value


def _status(status: int) -> int:
    if status not in (pb.GENERATION_STATUS_COMPLETED, pb.GENERATION_STATUS_CANCELLED, pb.GENERATION_STATUS_FAILED):
        raise InvalidField("generation.status", "generation.status must be COMPLETED, CANCELLED or FAILED.")
    return status


def _warnings(warnings: Iterable[str]) -> list[str]:
    kept = [checks.text(warning, "generation.warnings", 2000) for warning in warnings]
    if len(kept) > MAX_WARNINGS:
        raise InvalidField("generation.warnings", f"generation.warnings must be at most {MAX_WARNINGS}.")
    return kept
