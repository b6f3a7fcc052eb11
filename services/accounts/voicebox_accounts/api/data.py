"""The RPCs about everything of an owner."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody
from voicebox.accounts.v1 import accounts_pb2 as pb
from voicebox.accounts.v1 import accounts_pb2_grpc
from voicebox.catalog.v1 import catalog_pb2
from voicebox_kit.errors import InvalidField, Unavailable

from voicebox_accounts.peers.catalog import Catalog
from voicebox_accounts.peers.conversion import Conversion
from voicebox_accounts.store.owners import AccountContents, OwnerStore

from .export import Exporter
from .key_messages import checked_owner

REMARKS = {
    "voice prompts": "Computed copies in tts go as their cache ages: see TTS_PROMPT_DISK_BYTES.",
    "audit": "Audit lines stay: they hold who did what, and no text or audio.",
}
"""What is neither moved nor deleted, and why."""

VOICE_MODELS = "voice models"
NOT_EXPORTED = "Voice models are not part of this archive: export each with ExportVoiceModel."
UNREACHABLE = (
    "Conversion does not answer: its voice models, if there are any, stay as they are. Do it again once it does."
)

Context = grpc.aio.ServicerContext[Any, Any]


class DataServicer(accounts_pb2_grpc.DataServiceServicer):
    """The voicebox.accounts.v1.DataService. The catalog is first: where it fails, nothing is changed here. A platform
    may do without conversion: the report says so. `changed` is called after each change.
    """

    def __init__(
        self,
        owners: OwnerStore,
        catalog: Catalog,
        conversion: Conversion,
        exporter: Exporter,
        changed: Callable[[], None],
    ) -> None:
        self._owners, self._catalog, self._conversion = owners, catalog, conversion
        self._exporter, self._changed = exporter, changed

    async def MoveOwner(self, request: pb.MoveOwnerRequest, context: Context) -> pb.DataReport:
        owner, new_owner = owner_id(request.name), checked_owner(request.new_owner, "new_owner")
        if owner == new_owner:
            raise InvalidField("new_owner", "new_owner is the owner itself.")
        contents = await self._catalog.move(owner, new_owner)
        voice_models = await _unless_away(self._conversion.move(owner, new_owner))
        moved = await self._owners.move(owner, new_owner)
        self._changed()
        return _report(request.name, contents, moved, voice_models, is_done=True)

    async def ExportOwner(
        self, request: pb.ExportOwnerRequest, context: Context
    ) -> AsyncIterator[pb.ExportOwnerResponse]:
        owner = owner_id(request.name)
        contents = await self._catalog.delete(owner, force=False)
        report = _report(request.name, contents, await self._owners.contents(owner), None, is_done=True)
        report.counts[-1].remark = NOT_EXPORTED
        async for block in self._exporter.archive(owner, report):
            yield pb.ExportOwnerResponse(body=HttpBody(content_type="application/zip", data=block))

    async def DeleteOwner(self, request: pb.DeleteOwnerRequest, context: Context) -> pb.DataReport:
        owner = owner_id(request.name)
        contents = await self._catalog.delete(owner, force=request.force)
        voice_models = await _unless_away(self._conversion.delete(owner, force=request.force))
        own = await (self._owners.delete(owner) if request.force else self._owners.contents(owner))
        self._changed()
        return _report(request.name, contents, own, voice_models, is_done=request.force)


async def _unless_away(counted: Awaitable[int]) -> int | None:
    """How many voice models; None where conversion does not answer."""
    try:
        return await counted
    except Unavailable:
        return None


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
    voice_models: int | None,
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
        **({} if voice_models is None else {VOICE_MODELS: voice_models}),
        "keys": own.keys,
        "limits": own.limits,
        "usage": own.usage,
    }
    counts = [pb.DataCount(kind=kind, found=count, done=count if is_done else 0) for kind, count in found.items()]
    left = [pb.DataCount(kind=kind, remark=remark) for kind, remark in REMARKS.items()]
    if voice_models is None:
        left.append(pb.DataCount(kind=VOICE_MODELS, remark=UNREACHABLE))
    return pb.DataReport(name=name, counts=[*counts, *left])
