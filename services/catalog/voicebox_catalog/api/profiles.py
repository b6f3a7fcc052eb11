"""The RPCs of profiles."""

import hashlib
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_blobs.blobs import Blobs
from voicebox_blobs.blocks import once
from voicebox_kit.errors import InvalidField, NotFound
from voicebox_kit.permits import idle_between
from voicebox_kit.principal import stored_limit
from voicebox_sql.clock import Clock
from voicebox_sql.paging import from_token, page_size, to_token

from voicebox_catalog.profiles import pictures
from voicebox_catalog.profiles.pictures import Pictures
from voicebox_catalog.samples.recordings import COPY_LIMITS, LIMITS
from voicebox_catalog.store import filters
from voicebox_catalog.store.profiles import ProfileStore
from voicebox_catalog.store.staging import Names, claimed, staged
from voicebox_catalog.store.tables import Profile, Sample

from . import checks
from .downloads import bodies
from .masks import masked
from .profile_messages import PROFILE_FIELDS, profile_columns, to_profile


class Profiles:
    """Each method answers one RPC for the owner that calls. Deleted profiles can be undeleted for `undelete_days`; 0 is
    not at all.
    """

    def __init__(self, store: ProfileStore, blobs: Blobs, pictures: Pictures, clock: Clock, undelete_days: int) -> None:
        self._store = store
        self._blobs = blobs
        self._pictures = pictures
        self._clock = clock
        self._undelete_days = undelete_days

    async def create(self, request: pb.CreateProfileRequest, owner: str) -> pb.Profile:
        now_us = self._clock()
        columns = profile_columns(request.profile, PROFILE_FIELDS, now_us)
        content = pb.CreateProfileRequest(profile=request.profile, profile_id=request.profile_id)
        row = new_profile(owner, request.profile_id, checks.request_id(request.request_id), digest(content), **columns)
        return to_profile(await self._store.create(row, (), now_us))

    async def get(self, request: pb.GetProfileRequest, owner: str) -> pb.Profile:
        return to_profile(await self._store.get(owner, checks.profile_name(request.name)))

    async def list(self, request: pb.ListProfilesRequest, owner: str) -> pb.ListProfilesResponse:
        size = page_size(request.page_size)
        conditions = filters.parse(request.filter, filters.PROFILE_FIELDS)
        query = ("profiles", owner, request.filter, str(request.show_deleted))
        before = from_token(request.page_token, *query)
        rows = await self._store.page(owner, conditions, before, size + 1, deleted=request.show_deleted)
        more = to_token(rows[size - 1].key, *query) if len(rows) > size else ""
        return pb.ListProfilesResponse(profiles=map(to_profile, rows[:size]), next_page_token=more)

    async def update(self, request: pb.UpdateProfileRequest, owner: str) -> pb.Profile:
        identity = checks.profile_name(request.profile.name, "profile.name")
        now_us = self._clock()
        changes = profile_columns(request.profile, masked(request.profile, request.update_mask, PROFILE_FIELDS), now_us)
        row, _ = await self._store.update(owner, identity, changes, request.profile.etag, now_us)
        return to_profile(row)

    async def delete(self, request: pb.DeleteProfileRequest, owner: str) -> Empty:
        identity = checks.profile_name(request.name)
        keep_days = 0 if request.permanently else self._undelete_days
        await self._blobs.delete(*await self._store.delete(owner, identity, request.etag, self._clock(), keep_days))
        return Empty()

    async def undelete(self, request: pb.UndeleteProfileRequest, owner: str) -> pb.Profile:
        return to_profile(await self._store.undelete(owner, checks.profile_name(request.name), self._clock()))

    async def duplicate(self, request: pb.DuplicateProfileRequest, owner: str) -> pb.Profile:
        """A copy with blobs of its own: either may be deleted without the other."""
        identity = checks.profile_name(request.name)
        request_id = checks.request_id(request.request_id)
        display_name = checks.display_name(request.display_name, "display_name") if request.display_name else ""
        content = pb.DuplicateProfileRequest(
            name=request.name, profile_id=request.profile_id, display_name=display_name
        )
        stored = await self._store.find_request(owner, request_id, digest(content))
        if stored:
            return to_profile(stored)
        profile, samples = await self._store.with_samples(owner, identity)
        row = new_profile(owner, request.profile_id, request_id, digest(content), **_copied_columns(profile))
        row.display_name = display_name or profile.display_name
        await self._store.refuse_taken(owner, row.id)
        async with staged(self._blobs) as names:
            copies = [await self._copy_of(sample, names) for sample in samples]
            row.avatar_blob = (
                await self._copy_blob("avatars", profile.avatar_blob, names) if profile.avatar_blob else ""
            )
        async with claimed(self._blobs, names):
            stored = await self._store.create(row, copies, self._clock(), stored_limit())
        if stored is not row:
            await self._blobs.delete(*names)
        return to_profile(stored)

    async def set_avatar(self, requests: AsyncIterator[pb.SetProfileAvatarRequest], owner: str) -> pb.Profile:
        first = await anext(requests, pb.SetProfileAvatarRequest())
        identity = checks.profile_name(first.name)
        await self._store.get(owner, identity)
        async with self._pictures.admitted() as permit, aclosing(idle_between(permit, requests)) as pieces:
            image = await self._pictures.draw(await _image(first, pieces))
        async with staged(self._blobs) as names:
            blob = await self._blobs.put("avatars", once(image), len(image))
            names.append(blob.name)
        async with claimed(self._blobs, names):
            return await self._change_avatar(owner, identity, blob.name)

    async def delete_avatar(self, request: pb.DeleteProfileAvatarRequest, owner: str) -> pb.Profile:
        return await self._change_avatar(owner, checks.profile_name(request.name), "")

    async def download_avatar(self, request: pb.DownloadProfileAvatarRequest, owner: str) -> AsyncIterator[HttpBody]:
        """The picture. NotFound of kind `avatar` when there is none."""
        row = await self._store.get(owner, checks.profile_name(request.name))
        if not row.avatar_blob:
            raise NotFound("avatar", f"profiles/{row.id}/avatar")
        async for body in bodies(self._blobs, row.avatar_blob, "webp", f"profiles/{row.id}/avatar"):
            yield body

    async def _change_avatar(self, owner: str, identity: str, blob: str) -> pb.Profile:
        row, before = await self._store.update(owner, identity, {"avatar_blob": blob}, "", self._clock())
        if before:
            await self._blobs.delete(before)
        return to_profile(row)

    async def _copy_of(self, sample: Sample, names: Names) -> Sample:
        original = await self._copy_blob("samples", sample.original_blob, names)
        normalized = await self._copy_blob("samples", sample.normalized_blob, names)
        return Sample(
            **sample.model_dump() | {"original_blob": original, "normalized_blob": normalized, "request_id": None}
        )

    async def _copy_blob(self, kind: str, blob: str, names: Names) -> str:
        try:
            copy = await self._blobs.put(kind, self._blobs.read(blob), max(LIMITS.max_bytes, COPY_LIMITS.max_bytes))
        except FileNotFoundError as error:  # deleted just now
            raise NotFound("audio", blob) from error
        names.append(copy.name)
        return copy.name


async def purge(store: ProfileStore, blobs: Blobs, now_us: int) -> int:
    """Remove all deleted profiles whose time is over, of all owners: rows first, blobs second. Answers how many blobs
    went.
    """
    count = 0
    while names := await store.purge(now_us):
        await blobs.delete(*names)
        count += len(names)
    return count


def new_profile(owner: str, profile_id: str, request_id: str | None, request_digest: str, **columns: Any) -> Profile:
    """A row that the store has not seen yet. InvalidField for an id that is none; a fresh one when it is empty."""
    return Profile(
        key=0,
        owner=owner,
        id=checks.profile_id(profile_id, "profile_id") if profile_id else str(uuid.uuid4()),
        update_time_us=0,
        etag="",
        request_id=request_id,
        request_digest=request_digest,
        **columns,
    )


def digest(request: Message) -> str:
    """By this a repeated request id is known to have the same content, in the same RPC."""
    content = request.SerializeToString(deterministic=True)
    return hashlib.sha256(request.DESCRIPTOR.name.encode() + b"\0" + content).hexdigest()


def _copied_columns(profile: Profile) -> dict[str, Any]:
    fields = ("display_name", "language", "description", "labels", "voice_settings")
    consent = ("consent_statement", "consent_speaker", "consent_time_us", "consent_scope")
    return {name: getattr(profile, name) for name in (*fields, *consent)}


async def _image(first: pb.SetProfileAvatarRequest, requests: AsyncIterator[pb.SetProfileAvatarRequest]) -> bytes:
    data = bytearray(first.image.data)
    async for request in requests:
        data += request.image.data
        if len(data) > pictures.MAX_BYTES:
            sentence = f"The picture must have at most {pictures.MAX_BYTES} bytes."
            raise InvalidField(pictures.FIELD, sentence, reason="IMAGE_TOO_LARGE")
    return bytes(data)
