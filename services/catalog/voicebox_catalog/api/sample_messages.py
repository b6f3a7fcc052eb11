"""Samples as messages and as rows."""

from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_audio.recordings.quality import QualityLimits, Report
from voicebox_sql.keys import time_us_of

from voicebox_catalog.samples.rows import report_of
from voicebox_catalog.store.tables import Sample

from .times import to_duration, to_timestamp


def to_sample(profile: str, row: Sample, limits: QualityLimits) -> pb.Sample:
    """The message of a sample of `profiles/{profile}`, judged by the limits."""
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
        quality=_to_quality(report_of(row, limits)),
        trim_start=to_duration(row.trim_start_us) if row.trim_start_us else None,
        trim_end=None if row.trim_end_us is None else to_duration(row.trim_end_us),
        transcript_word_error_rate=row.transcript_word_error_rate,
        excluded=row.excluded,
        source=f"profiles/{profile}/samples/{row.source}" if row.source else "",
        etag=row.etag,
    )


def _to_quality(report: Report) -> pb.QualityReport | None:
    measures = report.measures
    if measures is None:
        return None
    return pb.QualityReport(
        verdict=pb.QualityReport.Verdict.ValueType(report.verdict),
        findings=[
            pb.QualityFinding(
                reason=finding.reason,
                verdict=pb.QualityReport.Verdict.ValueType(finding.verdict),
                message=finding.message,
            )
            for finding in report.findings
        ],
        snr_db=measures.snr_db,
        clipping_ratio=measures.clipping_ratio,
        silence_ratio=measures.silence_ratio,
        speech_ratio=measures.speech_ratio,
        loudness_lufs=measures.loudness_lufs,
        duration=to_duration(round(measures.seconds * 1_000_000)),
    )
