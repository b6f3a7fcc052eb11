"""The RPCs about everything of an owner, for accounts."""

from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox_blobs.blobs import Blobs
from voicebox_kit.errors import InvalidField

from voicebox_jobs.store.inputs import Upkeep
from voicebox_jobs.store.jobs import Deleted

MAX_OWNER_CHARACTERS = 128


class Owners:
    """Each method answers one RPC."""

    def __init__(self, upkeep: Upkeep, blobs: Blobs) -> None:
        self._upkeep, self._blobs = upkeep, blobs

    async def move(self, request: pb.MoveOwnerRequest) -> pb.OwnedJobs:
        owner, new_owner = _checked(request.owner, "owner"), _checked(request.new_owner, "new_owner")
        if owner == new_owner:
            raise InvalidField("new_owner", "new_owner is the owner itself.")
        return _message(await self._upkeep.move(owner, new_owner))

    async def delete(self, request: pb.DeleteOwnerRequest) -> pb.OwnedJobs:
        owner = _checked(request.owner, "owner")
        found = await self._upkeep.contents(owner)
        if request.force:
            while (gone := await self._upkeep.delete_owner(owner)).jobs or gone.inputs:
                await self._blobs.delete(*gone.blobs)
        return _message(found)


def _checked(owner: str, field: str) -> str:
    if not 1 <= len(owner) <= MAX_OWNER_CHARACTERS:
        raise InvalidField(field, f"{field} must have 1 to {MAX_OWNER_CHARACTERS} characters.")
    return owner


def _message(found: Deleted) -> pb.OwnedJobs:
    return pb.OwnedJobs(jobs=found.jobs, inputs=found.inputs)
