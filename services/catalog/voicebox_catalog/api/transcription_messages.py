"""Transcriptions as messages and as rows."""

from collections.abc import Callable, Mapping
from typing import Any

from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_kit.errors import InvalidField
from voicebox_sql.keys import time_us_of

from voicebox_catalog.store.tables import Transcription

from . import checks
from .times import duration_us, to_duration, to_timestamp

MAX_METADATA_BYTES = 4 * 1024 * 1024
MAX_TEXT = 1_000_000

CHANGES: Mapping[str, Callable[[pb.Transcription], Any]] = {
    "favorite": lambda message: message.favorite,
    "labels": lambda message: checks.labels(message.labels, "transcription.labels"),
}
"""What a caller may change."""


def to_transcription(row: Transcription) -> pb.Transcription:
    """The message of a transcription."""
    message = to_listed(row)
    message.MergeFromString(row.utterances)
    return message


def to_listed(row: Transcription) -> pb.Transcription:
    """The message of a transcription without its utterances."""
    return pb.Transcription(
        name=f"transcriptions/{row.id}",
        text=row.text,
        engine=row.engine,
        model=row.model,
        model_revision=row.model_revision,
        language=row.language,
        parameters=row.parameters,
        container=row.container,
        duration=to_duration(row.duration_us),
        size_bytes=row.size_bytes,
        recognition_time=to_duration(row.recognition_time_us),
        speaker_count=row.speaker_count,
        warnings=row.warnings,
        create_time=to_timestamp(time_us_of(row.key)),
        owner=row.owner,
        favorite=row.favorite,
        labels=row.labels,
        etag=row.etag,
    )


def from_transcription(message: pb.Transcription, owner: str) -> Transcription:
    """The row of a transcription without audio, and without the key and the etag, which the store draws.

    InvalidField names what is wrong.
    """
    if message.ByteSize() > MAX_METADATA_BYTES:
        raise InvalidField("transcription", f"transcription must have at most {MAX_METADATA_BYTES} bytes.")
    return Transcription(
        key=0,
        owner=owner,
        id=checks.record_request_id("transcription", message.name),
        text=checks.text(message.text, "transcription.text", MAX_TEXT),
        utterances=pb.Transcription(utterances=message.utterances).SerializeToString(),
        engine=checks.text(message.engine, "transcription.engine", checks.MAX_NAME),
        model=checks.text(message.model, "transcription.model", checks.MAX_NAME),
        model_revision=checks.text(message.model_revision, "transcription.model_revision", checks.MAX_NAME),
        language=checks.recognised_language(message.language, "transcription.language"),
        parameters=checks.parameters(message.parameters, "transcription.parameters"),
        container=checks.text(message.container, "transcription.container", 32),
        duration_us=duration_us(message.duration, "transcription.duration"),
        size_bytes=0,
        recognition_time_us=duration_us(message.recognition_time, "transcription.recognition_time"),
        speaker_count=checks.at_least_zero(message.speaker_count, "transcription.speaker_count"),
        warnings=checks.warnings(message.warnings, "transcription.warnings"),
        blob="",
        favorite=message.favorite,
        labels=CHANGES["labels"](message),
    )
