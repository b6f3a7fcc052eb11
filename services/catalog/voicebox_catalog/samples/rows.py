"""Samples as rows: made of a recording, and judged."""

import uuid
from typing import Any

from voicebox_audio.recordings.quality import Measures, QualityLimits, Report, judge
from voicebox_blobs.blobs import Blob

from voicebox_catalog.store.tables import Sample

from .recordings import WHOLE, NormalizedRecording, Trim


def new_sample(
    original: Blob, recording: NormalizedRecording, *, transcript: str = "", trim: Trim = WHOLE, **columns: Any
) -> Sample:
    """A row that the store has not seen yet; further columns by keyword."""
    return Sample(
        **{
            "key": 0,
            "profile_key": 0,
            "id": str(uuid.uuid4()),
            "transcript": transcript,
            "duration_us": recording.duration_us,
            "container": recording.source.container,
            "sample_rate_hz": recording.source.sample_rate_hz,
            "channel_count": recording.source.channel_count,
            "size_bytes": original.size_bytes,
            "sha256": original.sha256,
            "level_dbfs": recording.level_dbfs,
            "original_blob": original.name,
            **used_columns(recording, trim),
            **columns,
        }
    )


def used_columns(recording: NormalizedRecording, trim: Trim) -> dict[str, Any]:
    """The columns that change when another part of the recording is used."""
    return {
        "trim_start_us": trim.start_us,
        "trim_end_us": trim.end_us,
        "quality": recording.measures.to_json(),
        "normalized_blob": recording.normalized.name,
        "normalized_sha256": recording.normalized.sha256,
        "normalized_sample_count": recording.normalized_sample_count,
    }


def trim_of(row: Sample) -> Trim:
    """Which part of the recording is used."""
    return Trim(row.trim_start_us, row.trim_end_us)


def report_of(row: Sample, limits: QualityLimits) -> Report:
    """The judgement of a sample's measures by these limits: other limits judge again without measuring."""
    return judge(Measures.from_json(row.quality), limits, row.transcript_word_error_rate)
