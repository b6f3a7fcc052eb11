"""The RPCs about everything of an owner, for accounts."""

from collections.abc import AsyncIterator
from typing import TypeVar

from google.protobuf.message import Message
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_blobs.blobs import Blobs
from voicebox_kit.errors import InvalidField
from voicebox_kit.principal import Principal
from voicebox_sql.stored_bytes import exhausted, within

from voicebox_catalog.store.generations import GenerationStore
from voicebox_catalog.store.history_query import Query
from voicebox_catalog.store.owners import Contents, OwnerStore
from voicebox_catalog.store.profiles import ProfileStore
from voicebox_catalog.store.transcriptions import TranscriptionStore

from .history import delete_all

MAX_OWNER_CHARACTERS = 128
OTHER_FIELDS_BYTES = 64 * 1024
"""What an upload may hold beside its bytes."""

Uploaded = TypeVar("Uploaded", bound=Message)


class Owners:
    """Each method answers one RPC."""

    def __init__(
        self,
        owners: OwnerStore,
        profiles: ProfileStore,
        generations: GenerationStore,
        transcriptions: TranscriptionStore,
        blobs: Blobs,
    ) -> None:
        self._owners, self._profiles = owners, profiles
        self._generations, self._transcriptions, self._blobs = generations, transcriptions, blobs

    async def refuse_beyond_limit(self, caller: Principal | None) -> None:
        """Raises Exhausted("STORED_BYTES_EXHAUSTED") where the caller may store no more."""
        if caller and caller.stored_bytes is not None:
            await self._stored(caller.owner, caller.stored_bytes)

    async def within_limit(
        self, messages: AsyncIterator[Uploaded], caller: Principal | None
    ) -> AsyncIterator[Uploaded]:
        """The messages of an upload, which ends with the same error as soon as they are more than the caller may still
        store. What fits here is checked again when it is stored, beside other uploads.
        """
        if caller and caller.stored_bytes is not None:
            stored = await self._stored(caller.owner, caller.stored_bytes) - OTHER_FIELDS_BYTES
            messages = within(messages, lambda each: each.ByteSize(), caller.owner, stored, caller.stored_bytes)
        async for message in messages:
            yield message

    async def _stored(self, owner: str, limit: int) -> int:
        """How much an owner stores, which may store more."""
        stored = await self._owners.stored_bytes(owner)
        if stored >= limit:
            raise exhausted(owner, limit)
        return stored

    async def move(self, request: pb.MoveOwnerRequest) -> pb.OwnerContents:
        owner, new_owner = _checked(request.owner, "owner"), _checked(request.new_owner, "new_owner")
        if owner == new_owner:
            raise InvalidField("new_owner", "new_owner is the owner itself.")
        return _message(await self._owners.move(owner, new_owner))

    async def delete(self, request: pb.DeleteOwnerRequest) -> pb.OwnerContents:
        owner = _checked(request.owner, "owner")
        found = await self._owners.contents(owner)
        if request.force:
            await self._delete(owner)
        return _message(found)

    async def _delete(self, owner: str) -> None:
        """Rows first, blobs second."""
        while (gone := await self._profiles.remove_some(owner))[0]:
            await self._blobs.delete(*gone[1])
        await delete_all(self._generations, self._blobs, owner, Query())
        await delete_all(self._transcriptions, self._blobs, owner, Query())
        await self._owners.delete_settings(owner)


def _checked(owner: str, field: str) -> str:
    if not 0 < len(owner) <= MAX_OWNER_CHARACTERS or not (owner.isascii() and owner.isprintable()):
        raise InvalidField(field, f"{field} must be 1 to {MAX_OWNER_CHARACTERS} printable ASCII characters.")
    return owner


def _message(found: Contents) -> pb.OwnerContents:
    return pb.OwnerContents(
        profile_count=found.profiles,
        sample_count=found.samples,
        generation_count=found.generations,
        transcription_count=found.transcriptions,
        file_count=found.files,
        retention_rule_count=found.retention_rules,
        lexicon_count=found.lexicons,
    )
