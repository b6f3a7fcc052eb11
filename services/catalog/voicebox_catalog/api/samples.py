"""The RPCs of samples."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_audio.errors import AudioError, DecoderUnavailable
from voicebox_audio.recordings.quality import QualityLimits
from voicebox_blobs.blobs import Blob, Blobs
from voicebox_kit.errors import InvalidField, NotFound, Precondition, Unavailable
from voicebox_kit.principal import stored_limit
from voicebox_sql.clock import Clock
from voicebox_sql.paging import from_token, page_size, to_token

from voicebox_catalog.samples.recordings import LIMITS, WHOLE, NormalizedRecording, Recordings, Trim
from voicebox_catalog.samples.rows import new_sample, trim_of, used_columns
from voicebox_catalog.store.samples import SampleStore
from voicebox_catalog.store.staging import Names, claimed, staged
from voicebox_catalog.store.tables import Sample

from . import checks
from .downloads import Download, open_download
from .masks import masked
from .sample_messages import to_sample
from .times import duration_us

MAX_TRANSCRIPT = 5000
MAX_WORD_ERROR_RATE = 1000.0
SAMPLE_FIELDS = ("transcript", "trim_start", "trim_end", "excluded", "transcript_word_error_rate")
"""What a caller may change in a sample."""
MIN_USED_US = 100_000
UTTERANCE_SECONDS = (1.0, 60.0)
"""Bounds of what SegmentSample's bounds may be."""


class ProfileSamples:
    """Each method answers one RPC for the owner that calls. `limits` judge the recordings."""

    def __init__(
        self, store: SampleStore, blobs: Blobs, recordings: Recordings, clock: Clock, limits: QualityLimits
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._recordings = recordings
        self._clock = clock
        self._limits = limits

    async def upload(self, requests: AsyncIterator[pb.UploadSampleRequest], owner: str) -> pb.Sample:
        """Store a recording; a repeated request id returns the stored one."""
        first = await anext(requests, pb.UploadSampleRequest())
        profile = checks.profile_name(first.parent, "parent")
        transcript = checks.text(first.transcript, "transcript", MAX_TRANSCRIPT)
        request_id = checks.request_id(first.request_id)
        stored = await self._store.find_request(owner, profile, request_id)
        if stored:
            return self._message(profile, stored)
        async with staged(self._blobs) as names:
            original = await self._blobs.put("samples", _audio(first, requests), LIMITS.max_bytes)
            names.append(original.name)
            recording = await self._normalized(original, names)
        row = new_sample(original, recording, transcript=transcript, request_id=request_id)
        async with claimed(self._blobs, names):
            stored = await self._store.add(owner, profile, row, self._clock(), stored_limit())
        if stored is not row:
            await self._blobs.delete(*names)
        return self._message(profile, stored)

    async def get(self, request: pb.GetSampleRequest, owner: str) -> pb.Sample:
        profile, sample = checks.sample_name(request.name)
        return self._message(profile, await self._store.get(owner, profile, sample))

    async def list(self, request: pb.ListSamplesRequest, owner: str) -> pb.ListSamplesResponse:
        size = page_size(request.page_size)
        profile = checks.profile_name(request.parent, "parent")
        query = ("samples", owner, profile)
        rows = await self._store.page(owner, profile, from_token(request.page_token, *query), size + 1)
        more = to_token(rows[size - 1].key, *query) if len(rows) > size else ""
        return pb.ListSamplesResponse(
            samples=[self._message(profile, row) for row in rows[:size]], next_page_token=more
        )

    async def update(self, request: pb.UpdateSampleRequest, owner: str) -> pb.Sample:
        """Change fields; a new trim recomputes the normalised copy and the report from the original."""
        message = request.sample
        profile, sample = checks.sample_name(message.name, "sample.name")
        fields = set(masked(message, request.update_mask, SAMPLE_FIELDS))
        changes = changed_columns(message, fields)
        etag = message.etag
        async with staged(self._blobs) as names:
            if fields & {"trim_start", "trim_end"}:
                row = await self._store.get(owner, profile, sample)
                changes |= await self._trimmed(row, message, fields, names)
                etag = etag or row.etag  # one bound may be as it was read: no one else may have changed it meanwhile
        async with claimed(self._blobs, names):
            row, before = await self._store.update(owner, profile, sample, changes, etag, self._clock())
        if row.normalized_blob != before:
            await self._blobs.delete(before)
        return self._message(profile, row)

    async def segment(self, request: pb.SegmentSampleRequest, owner: str) -> pb.SegmentSampleResponse:
        """Cut a recording at its pauses; a repeated request id returns the stored parts."""
        profile, sample = checks.sample_name(request.name)
        min_seconds, max_seconds = _utterance_seconds(request)
        request_id = checks.request_id(request.request_id)
        stored = await self._store.find_parts(owner, profile, request_id)
        if not stored:
            source = await self._store.get(owner, profile, sample)
            stored = await self._segmented(owner, profile, source, min_seconds, max_seconds, request_id)
        return pb.SegmentSampleResponse(samples=[self._message(profile, row) for row in stored])

    async def delete(self, request: pb.DeleteSampleRequest, owner: str) -> Empty:
        row = await self._store.delete(owner, *checks.sample_name(request.name), self._clock())
        await self._blobs.delete(row.original_blob, row.normalized_blob)
        return Empty()

    async def download(self, request: pb.DownloadSampleAudioRequest, owner: str, requested_range: str) -> Download:
        """The audio, as it was uploaded or as its normalised copy."""
        row = await self._store.get(owner, *checks.sample_name(request.name))
        kept_bytes: int | None = None
        match request.form:
            case pb.SAMPLE_FORM_UNSPECIFIED | pb.SAMPLE_FORM_ORIGINAL:
                blob, container, kept_bytes = row.original_blob, row.container, row.size_bytes
            case pb.SAMPLE_FORM_NORMALIZED:
                blob, container = row.normalized_blob, "flac"
            case _:
                raise InvalidField("form", "form must be ORIGINAL or NORMALIZED.")
        return await open_download(self._blobs, blob, container, request.name, requested_range, kept_bytes)

    def _message(self, profile: str, row: Sample) -> pb.Sample:
        return to_sample(profile, row, self._limits)

    async def _trimmed(self, row: Sample, message: pb.Sample, fields: set[str], names: Names) -> dict[str, Any]:
        trim = trim_from(message, fields, trim_of(row), row.duration_us)
        recording = await self._normalized(Blob(row.original_blob, row.size_bytes, row.sha256), names, trim)
        stale = {} if "transcript_word_error_rate" in fields else {"transcript_word_error_rate": None}
        return used_columns(recording, trim) | stale

    async def _segmented(
        self, owner: str, profile: str, source: Sample, min_seconds: float, max_seconds: float, request_id: str | None
    ) -> Sequence[Sample]:
        async with staged(self._blobs) as names:
            with audio_errors(source.id):
                parts = await self._recordings.cut(
                    source.original_blob, source.sample_rate_hz, trim_of(source), min_seconds, max_seconds
                )
            names += [part.name for part in parts]
            if not parts:
                sentence = f"It contains no utterance of {min_seconds:g} to {max_seconds:g} s."
                raise Precondition("NO_UTTERANCES", f"profiles/{profile}/samples/{source.id}", sentence)
            rows = [
                new_sample(
                    part,
                    await self._normalized(part, names),
                    source=source.id,
                    request_id=request_id and f"{request_id}/{number}",
                )
                for number, part in enumerate(parts)
            ]
        async with claimed(self._blobs, names):
            stored = await self._store.segment(owner, profile, source.id, rows, self._clock(), stored_limit())
        if stored[0] is not rows[0]:
            await self._blobs.delete(*names)
        return stored

    async def _normalized(self, original: Blob, names: Names, trim: Trim = WHOLE) -> NormalizedRecording:
        with audio_errors(original.name):
            recording = await self._recordings.normalize(original.name, trim)
        names.append(recording.normalized.name)
        return recording


@contextmanager
def audio_errors(resource: str) -> Iterator[None]:
    """Turns what is wrong with the audio into an error that names the field; NotFound when it was deleted just now."""
    try:
        yield
    except DecoderUnavailable as error:
        raise Unavailable(error.reason, error.sentence) from error
    except AudioError as error:
        raise InvalidField("audio", error.sentence, reason=error.reason) from error
    except FileNotFoundError as error:
        raise NotFound("sample", resource) from error


async def _audio(
    first: pb.UploadSampleRequest, requests: AsyncIterator[pb.UploadSampleRequest]
) -> AsyncIterator[bytes]:
    if first.audio.data:
        yield first.audio.data
    async for request in requests:
        if request.audio.data:
            yield request.audio.data


def changed_columns(message: pb.Sample, fields: set[str]) -> dict[str, Any]:
    """The checked values of the fields that need no decoding. Another transcript was not compared with the audio
    yet.
    """
    changes: dict[str, Any] = {}
    if "transcript" in fields:
        changes["transcript"] = checks.text(message.transcript, "sample.transcript", MAX_TRANSCRIPT)
        changes["transcript_word_error_rate"] = None
    if "excluded" in fields:
        changes["excluded"] = message.excluded
    if "transcript_word_error_rate" in fields:
        rate = message.transcript_word_error_rate if message.HasField("transcript_word_error_rate") else None
        if rate is not None and not 0 <= rate <= MAX_WORD_ERROR_RATE:
            raise InvalidField(
                "sample.transcript_word_error_rate", "sample.transcript_word_error_rate must be 0 or more."
            )
        changes["transcript_word_error_rate"] = rate
    return changes


def trim_from(message: pb.Sample, fields: set[str], stored: Trim, whole_us: int) -> Trim:
    """The stored trim after these changes, in a recording of `whole_us`. InvalidField names the
    bound that is wrong.
    """
    start_us = duration_us(message.trim_start, "sample.trim_start") if "trim_start" in fields else stored.start_us
    end_us = (duration_us(message.trim_end, "sample.trim_end") or None) if "trim_end" in fields else stored.end_us
    if end_us is not None and end_us > whole_us:
        raise InvalidField(
            "sample.trim_end", f"sample.trim_end must be at most {whole_us / 1e6:g} s, where the recording ends."
        )
    if (start_us or end_us) and start_us + MIN_USED_US > (whole_us if end_us is None else end_us):
        field = "sample.trim_start" if "trim_start" in fields else "sample.trim_end"
        raise InvalidField(field, "sample.trim_start must be at least 0.1 s before sample.trim_end.")
    return Trim(start_us, end_us)


def _utterance_seconds(request: pb.SegmentSampleRequest) -> tuple[float, float]:
    min_seconds = _seconds(request.min_duration, 2.0, "min_duration")
    return min_seconds, _seconds(request.max_duration, max(15.0, min_seconds), "max_duration", min_seconds)


def _seconds(message: Duration, default: float, field: str, at_least: float = UTTERANCE_SECONDS[0]) -> float:
    seconds = duration_us(message, field) / 1e6 or default
    if not at_least <= seconds <= UTTERANCE_SECONDS[1]:
        raise InvalidField(field, f"{field} must be {at_least:g} to {UTTERANCE_SECONDS[1]:g} s.")
    return seconds
