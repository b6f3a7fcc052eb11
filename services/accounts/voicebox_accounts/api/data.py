"""The RPCs about everything of an owner."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody
from voicebox.accounts.v1 import accounts_pb2 as pb
from voicebox.accounts.v1 import accounts_pb2_grpc
from voicebox.catalog.v1 import catalog_pb2
from voicebox_kit.errors import InvalidField, Unavailable

from voicebox_accounts.peers.catalog import Catalog
from voicebox_accounts.peers.optional import Counts, OptionalService
from voicebox_accounts.store.owners import AccountContents, OwnerStore

from .export import Exporter
from .key_messages import checked_owner

REMARKS = {
    "voice prompts": "Computed copies in tts go as their cache ages: see TTS_PROMPT_DISK_BYTES.",
    "audit": "Audit lines stay: they hold who did what, and no text or audio.",
}
"""What is neither moved nor deleted, and why."""

Context = grpc.aio.ServicerContext[Any, Any]


class DataServicer(accounts_pb2_grpc.DataServiceServicer):
    """The voicebox.accounts.v1.DataService. The catalog is first: where it fails, nothing is changed here. A platform
    may do without the `optional` services: the report says so. `changed` is called after each change.
    """

    def __init__(
        self,
        owners: OwnerStore,
        catalog: Catalog,
        optional: Sequence[OptionalService],
        exporter: Exporter,
        changed: Callable[[], None],
    ) -> None:
        self._owners, self._catalog, self._optional = owners, catalog, optional
        self._exporter, self._changed = exporter, changed

    async def MoveOwner(self, request: pb.MoveOwnerRequest, context: Context) -> pb.DataReport:
        owner, new_owner = owner_id(request.name), checked_owner(request.new_owner, "new_owner")
        if owner == new_owner:
            raise InvalidField("new_owner", "new_owner is the owner itself.")
        contents = await self._catalog.move(owner, new_owner)
        others = [await _unless_away(each, each.move(owner, new_owner)) for each in self._optional]
        moved = await self._owners.move(owner, new_owner)
        self._changed()
        return _report(request.name, contents, moved, others, is_done=True)

    async def ExportOwner(
        self, request: pb.ExportOwnerRequest, context: Context
    ) -> AsyncIterator[pb.ExportOwnerResponse]:
        owner = owner_id(request.name)
        contents = await self._catalog.delete(owner, force=False)
        others = [await _exported(each, owner) for each in self._optional]
        there = [each for each, counts in zip(self._optional, others, strict=True) if not counts[0].remark]
        report = _report(request.name, contents, await self._owners.contents(owner), others, is_done=True)
        async for block in self._exporter.archive(owner, report, there):
            yield pb.ExportOwnerResponse(body=HttpBody(content_type="application/zip", data=block))

    async def DeleteOwner(self, request: pb.DeleteOwnerRequest, context: Context) -> pb.DataReport:
        owner = owner_id(request.name)
        contents = await self._catalog.delete(owner, force=request.force)
        others = [await _unless_away(each, each.delete(owner, force=request.force)) for each in self._optional]
        own = await (self._owners.delete(owner) if request.force else self._owners.contents(owner))
        self._changed()
        return _report(request.name, contents, own, others, is_done=request.force)


async def _exported(service: OptionalService, owner: str) -> Sequence[pb.DataCount]:
    """What there is of a service in an archive; a remark where it is not in it."""
    if service.export:
        return [pb.DataCount(kind=kind, remark=service.export) for kind in service.kinds]
    return await _unless_away(service, service.delete(owner, force=False))


async def _unless_away(service: OptionalService, counted: Awaitable[Counts]) -> list[pb.DataCount]:
    """How many there are of each kind; a remark where the service does not answer."""
    try:
        return [pb.DataCount(kind=kind, found=count) for kind, count in (await counted).items()]
    except Unavailable:
        remark = f"{service.name.capitalize()} does not answer: what it has stays as it is. Do it again once it does."
        return [pb.DataCount(kind=kind, remark=remark) for kind in service.kinds]


def owner_id(name: str) -> str:
    """The owner in `owners/{owner}`. InvalidField when it is no such name."""
    collection, _, owner = name.partition("/")
    if collection != "owners":
        raise InvalidField("name", f"name must be owners/OWNER, not {name[:100]!r}.")
    return checked_owner(owner, "name")


def _report(
    name: str,
    contents: catalog_pb2.OwnerContents,
    own: AccountContents,
    others: Sequence[Sequence[pb.DataCount]],
    *,
    is_done: bool,
) -> pb.DataReport:
    found = {
        "profiles": contents.profile_count,
        "samples": contents.sample_count,
        "generations": contents.generation_count,
        "transcriptions": contents.transcription_count,
        "files": contents.file_count,
        "retention rules": contents.retention_rule_count,
        "lexicons": contents.lexicon_count,
        "keys": own.keys,
        "limits": own.limits,
        "usage": own.usage,
    }
    counts = [pb.DataCount(kind=kind, found=count) for kind, count in found.items()]
    counts += [count for each in others for count in each]
    for count in counts:
        count.done = count.found if is_done else 0
    left = [pb.DataCount(kind=kind, remark=remark) for kind, remark in REMARKS.items()]
    return pb.DataReport(name=name, counts=[*counts, *left])
