"""The RPCs of samples."""

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_kit.errors import InvalidField, NotFound, Precondition, Unavailable
from voicebox_sound.errors import AudioError, DecoderUnavailable
from voicebox_sound.pcm import to_s16le

from . import checks
from .blobs import Blob, Blobs
from .clock import Clock
from .downloads import bodies
from .messages import to_sample
from .paging import from_token, page_size, to_token
from .profile_store import ProfileStore
from .recordings import LIMITS, SAMPLE_RATE_HZ, Recording, Recordings, Samples
from .reference import GAP_SAMPLES, MAX_SAMPLES, Reference, choose
from .tables import Profile, Sample

MAX_TRANSCRIPT = 5000
PCM_BLOCK_BYTES = 64 * 1024


class ProfileSamples:
    """Each method answers one RPC for the owner that calls."""

    def __init__(self, store: ProfileStore, blobs: Blobs, recordings: Recordings, clock: Clock) -> None:
        self._store = store
        self._blobs = blobs
        self._recordings = recordings
        self._clock = clock

    async def upload(self, requests: AsyncIterator[pb.UploadSampleRequest], owner: str) -> pb.Sample:
        """Keep a recording; the same request id again answers what is kept."""
        first = await anext(requests, pb.UploadSampleRequest())
        profile = checks.profile_name(first.parent, "parent")
        transcript = checks.text(first.transcript, "transcript", MAX_TRANSCRIPT)
        request_id = checks.request_id(first.request_id)
        kept = await self._store.find_sample_request(owner, profile, request_id)
        if kept:
            return to_sample(profile, kept)
        original = await self._blobs.put("samples", _audio(first, requests), LIMITS.max_bytes)
        recording = await self._normalized(original)
        row = _row(original, recording, transcript, request_id)
        kept = await self._added(owner, profile, row)
        if kept.original_blob != row.original_blob:
            await self._blobs.delete(row.original_blob, row.normalized_blob)
        return to_sample(profile, kept)

    async def get(self, request: pb.GetSampleRequest, owner: str) -> pb.Sample:
        profile, sample = checks.sample_name(request.name)
        return to_sample(profile, await self._store.get_sample(owner, profile, sample))

    async def list(self, request: pb.ListSamplesRequest, owner: str) -> pb.ListSamplesResponse:
        size = page_size(request.page_size)
        profile = checks.profile_name(request.parent, "parent")
        query = ("samples", owner, profile)
        rows = await self._store.sample_page(owner, profile, from_token(request.page_token, *query), size + 1)
        more = to_token(rows[size - 1].key, *query) if len(rows) > size else ""
        return pb.ListSamplesResponse(samples=[to_sample(profile, row) for row in rows[:size]], next_page_token=more)

    async def delete(self, request: pb.DeleteSampleRequest, owner: str) -> Empty:
        row = await self._store.delete_sample(owner, *checks.sample_name(request.name), self._clock())
        await self._blobs.delete(row.original_blob, row.normalized_blob)
        return Empty()

    async def download(self, request: pb.DownloadSampleAudioRequest, owner: str) -> AsyncIterator[HttpBody]:
        """The audio, as it was uploaded or as its normalised copy."""
        row = await self._store.get_sample(owner, *checks.sample_name(request.name))
        match request.form:
            case pb.SAMPLE_FORM_UNSPECIFIED | pb.SAMPLE_FORM_ORIGINAL:
                blob, container = row.original_blob, row.container
            case pb.SAMPLE_FORM_NORMALIZED:
                blob, container = row.normalized_blob, "flac"
            case _:
                raise InvalidField("form", "form must be ORIGINAL or NORMALIZED.")
        async for body in bodies(self._blobs, blob, container, request.name):
            yield body

    async def reference(self, request: pb.GetReferenceRequest, owner: str) -> AsyncIterator[pb.GetReferenceResponse]:
        """The header, then the audio unless the caller has it already."""
        profile, samples = await self._store.with_samples(owner, checks.profile_name(request.profile, "profile"))
        if not samples:
            sentence = f"The profile {request.profile!r} has no sample: upload one first."
            raise Precondition("PROFILE_HAS_NO_SAMPLES", request.profile, sentence)
        chosen = choose(samples)
        unchanged = request.known_etag == chosen.etag
        yield pb.GetReferenceResponse(header=_header(profile, chosen, unchanged))
        if not unchanged:
            async for pcm in self._joined(chosen):
                yield pb.GetReferenceResponse(pcm_s16le=pcm)

    async def _joined(self, chosen: Reference) -> AsyncIterator[bytes]:
        for number, sample in enumerate(chosen.samples):
            if number:
                yield bytes(2 * GAP_SAMPLES)
            pcm = to_s16le(await self._samples_of(sample))
            for begin in range(0, len(pcm), PCM_BLOCK_BYTES):
                yield pcm[begin : begin + PCM_BLOCK_BYTES]

    async def _samples_of(self, sample: Sample) -> Samples:
        try:
            return await self._recordings.samples(sample.normalized_blob, MAX_SAMPLES)
        except FileNotFoundError as error:  # deleted just now
            raise NotFound("sample", sample.id) from error
        except DecoderUnavailable as error:
            raise Unavailable(error.reason, error.sentence) from error

    async def _normalized(self, original: Blob) -> Recording:
        try:
            with audio_errors():
                return await self._recordings.normalize(original.name)
        except BaseException:
            await self._blobs.delete(original.name)
            raise

    async def _added(self, owner: str, profile: str, row: Sample) -> Sample:
        try:
            return await self._store.add_sample(owner, profile, row, self._clock())
        except NotFound:  # deleted meanwhile
            await self._blobs.delete(row.original_blob, row.normalized_blob)
            raise


@contextmanager
def audio_errors() -> Iterator[None]:
    """Turns what is wrong with the audio into an error that names the field."""
    try:
        yield
    except DecoderUnavailable as error:
        raise Unavailable(error.reason, error.sentence) from error
    except AudioError as error:
        raise InvalidField("audio", error.sentence, reason=error.reason) from error


async def _audio(first: pb.UploadSampleRequest, requests: AsyncIterator[pb.UploadSampleRequest]) -> AsyncIterator[bytes]:
    if first.audio.data:
        yield first.audio.data
    async for request in requests:
        if request.audio.data:
            yield request.audio.data


def _row(original: Blob, recording: Recording, transcript: str, request_id: str | None) -> Sample:
    return Sample(
        key=0,
        profile_key=0,
        id=str(uuid.uuid4()),
        transcript=transcript,
        duration_us=recording.normalized_sample_count * 1_000_000 // SAMPLE_RATE_HZ,
        container=recording.source.container,
        sample_rate_hz=recording.source.sample_rate_hz,
        channel_count=recording.source.channel_count,
        size_bytes=original.size_bytes,
        sha256=original.sha256,
        level_dbfs=recording.level_dbfs,
        original_blob=original.name,
        normalized_blob=recording.normalized.name,
        normalized_sha256=recording.normalized.sha256,
        normalized_sample_count=recording.normalized_sample_count,
        request_id=request_id,
    )


def _header(profile: Profile, chosen: Reference, unchanged: bool) -> pb.ReferenceHeader:
    return pb.ReferenceHeader(
        language=profile.language,
        etag=chosen.etag,
        unchanged=unchanged,
        sample_rate_hz=SAMPLE_RATE_HZ,
        transcript=chosen.transcript,
    )
