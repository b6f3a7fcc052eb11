"""Generations as messages and as rows."""

import math
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_kit.errors import InvalidField
from voicebox_sql.keys import time_us_of

from voicebox_catalog.store.generations import GenerationStatistics
from voicebox_catalog.store.tables import Generation

from . import checks
from .times import duration_us, to_duration

MAX_TEXT = 100_000
EPOCH = date(1970, 1, 1)


def _word_error_rate(message: pb.Generation) -> float | None:
    if not message.HasField("word_error_rate"):
        return None
    if not 0 <= message.word_error_rate < math.inf:
        raise InvalidField("generation.word_error_rate", "generation.word_error_rate must be 0 or more.")
    return message.word_error_rate


CHANGES: Mapping[str, Callable[[pb.Generation], Any]] = {
    "favorite": lambda message: message.favorite,
    "labels": lambda message: checks.labels(message.labels, "generation.labels"),
    "word_error_rate": _word_error_rate,
}
"""What a caller may change."""


def to_generation(row: Generation) -> pb.Generation:
    """The message of a generation. Lists have hundreds: what is empty is left out, as an empty map costs as much as ten
    strings.
    """
    message = pb.Generation(
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
        size_bytes=row.size_bytes,
        status=pb.GenerationStatus.ValueType(row.status),
        owner=row.owner,
        model_revision=row.model_revision,
        real_time_factor=row.synthesis_time_us / row.duration_us if row.duration_us else 0.0,
        favorite=row.favorite,
        word_error_rate=row.word_error_rate,
        etag=row.etag,
    )
    message.duration.FromMicroseconds(row.duration_us)
    message.time_to_first_chunk.FromMicroseconds(row.time_to_first_chunk_us)
    message.synthesis_time.FromMicroseconds(row.synthesis_time_us)
    message.create_time.FromMicroseconds(time_us_of(row.key))
    if row.warnings:
        message.warnings.extend(row.warnings)
    if row.parameters:
        message.parameters.update(row.parameters)
    if row.labels:
        message.labels.update(row.labels)
    return message


def to_statistics(sums: GenerationStatistics) -> pb.StatisticsRow:
    """The message of what a group adds up to."""
    return pb.StatisticsRow(
        key=str(EPOCH + timedelta(days=sums.key)) if isinstance(sums.key, int) else sums.key or "",
        count=sums.count,
        duration=to_duration(sums.duration_us),
        size_bytes=sums.size_bytes,
        incomplete_count=sums.incomplete_count,
        synthesis_time=to_duration(sums.synthesis_us),
    )


def from_generation(message: pb.Generation, owner: str) -> Generation:
    """The row of a generation without audio, and without the key and the etag, which the store draws. InvalidField
    names what is wrong.
    """
    return Generation(
        key=0,
        owner=owner,
        id=checks.record_request_id("generation", message.name),
        text=checks.text(message.text, "generation.text", MAX_TEXT),
        profile=checks.text(message.profile, "generation.profile", checks.MAX_NAME),
        voice=checks.text(message.voice, "generation.voice", checks.MAX_NAME),
        engine=checks.text(message.engine, "generation.engine", checks.MAX_NAME),
        model=checks.text(message.model, "generation.model", checks.MAX_NAME),
        language=checks.recognised_language(message.language, "generation.language"),
        seed=message.seed,
        speed=checks.finite(message.speed, "generation.speed"),
        pitch_semitones=checks.finite(message.pitch_semitones, "generation.pitch_semitones"),
        container=checks.text(message.container, "generation.container", 32),
        sample_rate_hz=checks.at_least_zero(message.sample_rate_hz, "generation.sample_rate_hz"),
        duration_us=duration_us(message.duration, "generation.duration"),
        size_bytes=0,
        time_to_first_chunk_us=duration_us(message.time_to_first_chunk, "generation.time_to_first_chunk"),
        synthesis_time_us=duration_us(message.synthesis_time, "generation.synthesis_time"),
        status=_status(message.status),
        warnings=checks.warnings(message.warnings, "generation.warnings"),
        blob="",
        model_revision=checks.text(message.model_revision, "generation.model_revision", checks.MAX_NAME),
        parameters=checks.parameters(message.parameters, "generation.parameters"),
        favorite=message.favorite,
        labels=CHANGES["labels"](message),
        word_error_rate=_word_error_rate(message),
    )


def _status(status: int) -> int:
    if status not in (pb.GENERATION_STATUS_COMPLETED, pb.GENERATION_STATUS_CANCELLED, pb.GENERATION_STATUS_FAILED):
        raise InvalidField("generation.status", "generation.status must be COMPLETED, CANCELLED or FAILED.")
    return status
