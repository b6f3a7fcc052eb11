"""The RPCs that export and import a profile."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from google.api.httpbody_pb2 import HttpBody
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_audio.recordings.quality import QualityLimits
from voicebox_blobs.archives.zip_reader import FIELD, ZipReader, refused
from voicebox_blobs.archives.zip_writer import Entry, zipped
from voicebox_blobs.blobs import Blobs, storage_errors
from voicebox_blobs.blocks import once
from voicebox_kit.errors import InvalidField, NotFound
from voicebox_kit.principal import stored_limit
from voicebox_sql.clock import Clock
from voicebox_sql.keys import time_us_of

from voicebox_catalog.profiles.pictures import MAX_BYTES as MAX_PICTURE_BYTES
from voicebox_catalog.profiles.pictures import Pictures
from voicebox_catalog.samples.recordings import LIMITS, WHOLE, Recordings
from voicebox_catalog.samples.rows import new_sample
from voicebox_catalog.store.profiles import ProfileStore
from voicebox_catalog.store.staging import Names, claimed, staged
from voicebox_catalog.store.tables import Profile, Sample

from . import checks, profile_manifest
from .profile_manifest import ManifestSample, ProfileManifest, manifest_of, profile_id_of, read_manifest
from .profile_messages import PROFILE_FIELDS, profile_columns, to_profile
from .profiles import digest, new_profile
from .sample_messages import to_sample
from .samples import audio_errors, changed_columns, trim_from

MAX_BYTES = 2 * 1024 * 1024 * 1024
CONTENT_TYPE = "application/zip"


class ProfileArchives:
    """Each method answers one RPC for the owner that calls. An archive that comes in waits in a nameless file in
    `spool_folder`.
    """

    def __init__(
        self,
        store: ProfileStore,
        blobs: Blobs,
        recordings: Recordings,
        pictures: Pictures,
        clock: Clock,
        spool_folder: Path,
        limits: QualityLimits,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._recordings = recordings
        self._pictures = pictures
        self._clock = clock
        self._spool_folder = spool_folder
        self._limits = limits

    async def export(self, request: pb.ExportProfileRequest, owner: str) -> AsyncIterator[HttpBody]:
        """The archive, made while it is sent."""
        profile, samples = await self._store.with_samples(owner, checks.profile_name(request.name))
        content_type = CONTENT_TYPE
        async for data in zipped(self._entries(profile, list(samples))):
            yield HttpBody(content_type=content_type, data=data)
            content_type = ""

    async def import_archive(self, requests: AsyncIterator[pb.ImportProfileRequest], owner: str) -> pb.Profile:
        """Import a profile from an archive, whole or not at all; a repeated request id returns the stored one."""
        first = await anext(requests, pb.ImportProfileRequest())
        request_id = checks.request_id(first.request_id)
        if first.profile_id:
            checks.profile_id(first.profile_id, "profile_id")
        content = digest(pb.ImportProfileRequest(profile_id=first.profile_id))
        stored = await self._store.find_request(owner, request_id, content)
        if stored:
            return to_profile(stored)
        with storage_errors(), tempfile.TemporaryFile(dir=self._spool_folder) as spool:
            await _spooled(spool, first, requests)
            archive = await asyncio.to_thread(ZipReader, spool, MAX_BYTES)
            manifest = read_manifest(
                b"".join([block async for block in archive.stream(profile_manifest.FILE, profile_manifest.MAX_BYTES)])
            )
            if manifest.files != archive.names:
                raise refused("The archive's files are not those that its manifest names.")
            row = self._row(manifest, first.profile_id, owner, request_id, content)
            await self._store.refuse_taken(owner, row.id)
            async with staged(self._blobs) as names:
                samples = [await self._sample(archive, recorded, names) for recorded in manifest.samples]
                row.avatar_blob = await self._avatar(archive, manifest, names)
        async with claimed(self._blobs, names):
            stored = await self._store.create(row, samples, self._clock(), stored_limit())
        if stored is not row:
            await self._blobs.delete(*names)
        return to_profile(stored)

    async def _entries(self, profile: Profile, samples: list[Sample]) -> AsyncIterator[Entry]:
        avatar = b""
        if profile.avatar_blob:
            avatar = b"".join([block async for block in self._read(profile.avatar_blob)])
        messages = [to_sample(profile.id, sample, self._limits) for sample in samples]
        manifest = manifest_of(to_profile(profile), messages, hashlib.sha256(avatar).hexdigest() if avatar else "")
        changed = _moment(profile.update_time_us)
        yield Entry(profile_manifest.FILE, once(manifest.to_json()), changed, compress=True)
        if avatar:
            yield Entry(profile_manifest.AVATAR_FILE, once(avatar), changed)
        for recorded, sample in zip(manifest.samples, samples, strict=True):
            yield Entry(recorded.file, self._read(sample.original_blob), _moment(time_us_of(sample.key)))

    async def _read(self, blob: str) -> AsyncIterator[bytes]:
        try:
            async for block in self._blobs.read(blob):
                yield block
        except FileNotFoundError as error:  # deleted just now
            raise NotFound("audio", blob) from error

    def _row(
        self, manifest: ProfileManifest, profile_id: str, owner: str, request_id: str | None, content: str
    ) -> Profile:
        with _of_the_manifest():
            columns = profile_columns(manifest.profile, PROFILE_FIELDS, self._clock())
        return new_profile(owner, profile_id or profile_id_of(manifest), request_id, content, **columns)

    async def _sample(self, archive: ZipReader, recorded: ManifestSample, names: Names) -> Sample:
        original = await self._blobs.put("samples", archive.stream(recorded.file, LIMITS.max_bytes), LIMITS.max_bytes)
        names.append(original.name)
        message = recorded.sample
        if original.sha256 != message.sha256:
            raise refused(
                f"{recorded.file!r} is not what the manifest says: its SHA-256 is another.", "ARCHIVE_CHECKSUM"
            )
        with _of_the_manifest(recorded.file):
            columns = changed_columns(message, {"transcript", "excluded", "transcript_word_error_rate"})
            sample, source = _ids(message)
            with audio_errors(recorded.file):
                whole = await self._recordings.normalize(original.name)
                names.append(whole.normalized.name)
                trim = trim_from(message, {"trim_start", "trim_end"}, WHOLE, whole.duration_us)
                recording = whole if trim == WHOLE else await self._recordings.normalize(original.name, trim)
        if recording is not whole:
            names.append(recording.normalized.name)
            names.remove(whole.normalized.name)
            await self._blobs.delete(whole.normalized.name)
        return new_sample(original, recording, trim=trim, id=sample, source=source, **columns)

    async def _avatar(self, archive: ZipReader, manifest: ProfileManifest, names: Names) -> str:
        if not manifest.avatar_sha256:
            return ""
        async with self._pictures.admitted():
            drawn = await self._drawn(archive, manifest)
        blob = await self._blobs.put("avatars", once(drawn), len(drawn))
        names.append(blob.name)
        return blob.name

    async def _drawn(self, archive: ZipReader, manifest: ProfileManifest) -> bytes:
        data = b"".join([block async for block in archive.stream(profile_manifest.AVATAR_FILE, MAX_PICTURE_BYTES)])
        if hashlib.sha256(data).hexdigest() != manifest.avatar_sha256:
            raise refused(
                "The archive's picture is not what the manifest says: its SHA-256 is another.", "ARCHIVE_CHECKSUM"
            )
        with _of_the_manifest(profile_manifest.AVATAR_FILE):
            return await self._pictures.draw(data)


async def _spooled(
    spool: IO[bytes], first: pb.ImportProfileRequest, requests: AsyncIterator[pb.ImportProfileRequest]
) -> None:
    size = len(first.archive.data)
    await asyncio.to_thread(spool.write, first.archive.data)
    async for request in requests:
        size += len(request.archive.data)
        if size > MAX_BYTES:
            raise refused(f"The archive must have at most {MAX_BYTES} bytes.", "ARCHIVE_TOO_LARGE")
        await asyncio.to_thread(spool.write, request.archive.data)


@contextmanager
def _of_the_manifest(file: str = profile_manifest.FILE) -> Iterator[None]:
    """What is wrong with a field of the manifest, or with a file, is wrong with the archive."""
    try:
        yield
    except InvalidField as error:
        if error.field == FIELD:
            raise
        raise InvalidField(FIELD, f"{file}: {error.sentence}", error.reason) from error


def _ids(message: pb.Sample) -> tuple[str, str]:
    """The sample's id, and that of the one that it was cut from: they are unique within the profile alone, and stay."""
    sample = checks.sample_name(message.name, "sample.name")[1]
    return sample, checks.sample_name(message.source, "sample.source")[1] if message.source else ""


def _moment(time_us: int) -> datetime:
    return datetime.fromtimestamp(time_us / 1_000_000, UTC)
