"""Rows as messages."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import ParseDict
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import ErrorInfo
from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox_kit.status import DOMAIN
from voicebox_sql.keys import time_us_of

from voicebox_jobs.datasets.clips import CLIP, Clip
from voicebox_jobs.store.jobs import JobView
from voicebox_jobs.store.tables import Event, Input, Item, Job


def to_job(view: JobView, retention_us: int) -> pb.Job:
    """The message of a job."""
    row = view.job
    message = pb.Job(
        name=f"jobs/{row.id}",
        type=row.type,
        labels=row.labels,
        priority=row.priority,
        timeout=duration(row.timeout_us),
        state=row.state,  # type: ignore[arg-type]
        stage=row.stage,
        progress=row.progress,
        attempt=row.attempt,
        queue_place=view.queue_place,
        device=row.device,
        device_memory_bytes=row.device_memory_bytes,
        error=_error(row),
        steps=_steps(view),
        outputs=row.outputs,
        warnings=row.warnings,
        item_count=row.item_count,
        items_done=row.items_done,
        items_failed=row.items_failed,
        create_time=timestamp(time_us_of(row.key)),
        sequence=row.sequence,
    )
    for file in view.results:
        message.results.add(
            name=f"jobs/{row.id}/results/{file.name}",
            content_type=file.content_type,
            size_bytes=file.size_bytes,
            sha256=file.sha256,
        )
    ParseDict({row.type: row.request}, message, ignore_unknown_fields=True)
    _set_times(message, row, retention_us)
    return message


def to_event(row: Event) -> pb.JobEvent:
    """The message of an event."""
    return pb.JobEvent(
        sequence=row.sequence,
        job=f"jobs/{row.job_id}",
        time=timestamp(row.time_us),
        state=row.state,  # type: ignore[arg-type]
        stage=row.stage,
        progress=row.progress,
        remaining=None if row.remaining_us is None else duration(row.remaining_us),
        attempt=row.attempt,
        error=_error(row),
    )


def to_item(row: Item) -> pb.JobItem:
    """The message of an item."""
    return pb.JobItem(
        index=row.number,
        state=row.state,  # type: ignore[arg-type]
        output=row.output,
        audio_duration=duration(row.duration_us) if row.duration_us else None,
        error=_error(row),
        segment=_segment(Clip.from_json(row.fields[CLIP])) if CLIP in row.fields else None,
    )


def to_input(row: Input, retention_us: int) -> pb.Input:
    """The message of an input."""
    created = time_us_of(row.key)
    return pb.Input(
        name=f"inputs/{row.id}",
        file_name=row.file_name,
        container=row.container,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        audio_duration=duration(row.duration_us) if row.duration_us else None,
        sample_rate_hz=row.sample_rate_hz,
        channel_count=row.channel_count,
        create_time=timestamp(created),
        expire_time=timestamp(created + retention_us),
        warnings=row.warnings,
    )


def timestamp(time_us: int) -> Timestamp:
    """The timestamp of microseconds since 1970."""
    return Timestamp(seconds=time_us // 1_000_000, nanos=time_us % 1_000_000 * 1000)


def duration(duration_us: int) -> Duration:
    """The duration of microseconds, not negative."""
    return Duration(seconds=duration_us // 1_000_000, nanos=duration_us % 1_000_000 * 1000)


def _segment(clip: Clip) -> pb.DatasetSegment:
    return pb.DatasetSegment(
        recording=clip.recording,
        begin=duration(round(clip.begin_seconds * 1e6)),
        end=duration(round(clip.end_seconds * 1e6)),
        transcript=clip.transcript,
        confidence=clip.confidence,
        speaker=clip.speaker,
        snr_db=clip.measures.snr_db,
        clipping_ratio=clip.measures.clipping_ratio,
        loudness_lufs=clip.measures.loudness_lufs,
        kept=clip.kept,
        drops=[pb.SegmentDrop(reason=drop.reason, message=drop.sentence) for drop in clip.drops],
    )


def _error(row: Job | Event | Item) -> pb.JobError | None:
    if not row.error_code:
        return None
    info = ErrorInfo(reason=row.error_reason, domain=DOMAIN)
    return pb.JobError(code=row.error_code, message=row.error_message, info=info)


def _steps(view: JobView) -> list[pb.JobStep]:
    ends = {step.name: step.end_us for step in view.steps}
    return [
        pb.JobStep(name=name, completed=name in ends, end_time=timestamp(ends[name]) if name in ends else None)
        for name in view.job.steps
    ]


def _set_times(message: pb.Job, row: Job, retention_us: int) -> None:
    if row.remaining_us is not None:
        message.remaining.CopyFrom(duration(row.remaining_us))
    if row.start_us is not None:
        message.start_time.CopyFrom(timestamp(row.start_us))
    if row.end_us is not None:
        message.end_time.CopyFrom(timestamp(row.end_us))
        message.expire_time.CopyFrom(timestamp(row.end_us + retention_us))
