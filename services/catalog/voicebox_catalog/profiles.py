"""The RPCs of profiles."""

import hashlib
import uuid
from collections.abc import Iterable

from google.protobuf.empty_pb2 import Empty
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_kit.errors import InvalidField

from . import checks
from .blobs import Blobs
from .clock import Clock
from .messages import PROFILE_FIELDS, profile_columns, to_profile
from .paging import from_token, page_size, to_token
from .profile_store import ProfileStore
from .tables import Profile


class Profiles:
    """Each method answers one RPC for the owner that calls."""

    def __init__(self, store: ProfileStore, blobs: Blobs, clock: Clock) -> None:
        self._store = store
        self._blobs = blobs
        self._clock = clock

    async def create(self, request: pb.CreateProfileRequest, owner: str) -> pb.Profile:
        columns = profile_columns(request.profile, PROFILE_FIELDS)
        row = Profile(
            key=0,
            owner=owner,
            id=checks.profile_id(request.profile_id, "profile_id") if request.profile_id else str(uuid.uuid4()),
            update_time_us=0,
            etag="",
            request_id=checks.request_id(request.request_id),
            request_digest=_digest(request),
            **columns,
        )
        return to_profile(await self._store.create(row, self._clock()))

    async def get(self, request: pb.GetProfileRequest, owner: str) -> pb.Profile:
        return to_profile(await self._store.get(owner, checks.profile_name(request.name)))

    async def list(self, request: pb.ListProfilesRequest, owner: str) -> pb.ListProfilesResponse:
        size = page_size(request.page_size)
        query = ("profiles", owner)
        rows = await self._store.page(owner, from_token(request.page_token, *query), size + 1)
        more = to_token(rows[size - 1].key, *query) if len(rows) > size else ""
        return pb.ListProfilesResponse(profiles=map(to_profile, rows[:size]), next_page_token=more)

    async def update(self, request: pb.UpdateProfileRequest, owner: str) -> pb.Profile:
        identity = checks.profile_name(request.profile.name, "profile.name")
        changes = profile_columns(request.profile, _masked(request))
        return to_profile(await self._store.update(owner, identity, changes, request.profile.etag, self._clock()))

    async def delete(self, request: pb.DeleteProfileRequest, owner: str) -> Empty:
        for sample in await self._store.delete(owner, checks.profile_name(request.name), request.etag):
            await self._blobs.delete(sample.original_blob, sample.normalized_blob)
        return Empty()


def _masked(request: pb.UpdateProfileRequest) -> Iterable[str]:
    """The fields that the mask names: those that are set without a mask, all for `*`."""
    paths = request.update_mask.paths
    if not paths:
        return [field for field in PROFILE_FIELDS if getattr(request.profile, field)]
    if list(paths) == ["*"]:
        return PROFILE_FIELDS
    for path in paths:
        if path not in PROFILE_FIELDS:
            raise InvalidField("update_mask", f"update_mask names {path!r}; it may name {', '.join(PROFILE_FIELDS)}.")
    return paths


def _digest(request: pb.CreateProfileRequest) -> str:
    """Tells whether a request id comes again with the same profile."""
    content = pb.CreateProfileRequest(profile=request.profile, profile_id=request.profile_id)
    return hashlib.sha256(content.SerializeToString(deterministic=True)).hexdigest()
