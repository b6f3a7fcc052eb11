"""The RPCs of generations."""

from collections.abc import AsyncIterator

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_blobs.archives.zip_writer import zipped
from voicebox_blobs.blobs import Blobs
from voicebox_kit.errors import InvalidField
from voicebox_sql.clock import Clock
from voicebox_sql.paging import page_size

from voicebox_catalog.store.filters import GENERATION_FIELDS
from voicebox_catalog.store.generations import GenerationStore, GroupBy

from .downloads import Download
from .generation_messages import CHANGES, from_generation, to_generation, to_statistics
from .history import HistoryMethods, RecordKind, delete_all
from .history_archive import HistoryArchive

EVERYTHING = "*"
NAMES = 100
"""Of what would be deleted."""
DEFAULT_GROUPS = 100

_GROUPS: dict[int, GroupBy | None] = {
    pb.STATISTICS_GROUP_UNSPECIFIED: None,
    pb.STATISTICS_GROUP_PROFILE: GroupBy.PROFILE,
    pb.STATISTICS_GROUP_ENGINE: GroupBy.ENGINE,
    pb.STATISTICS_GROUP_DAY: GroupBy.DAY,
}


class Generations:
    """Each method answers one RPC for the owner that calls."""

    def __init__(self, store: GenerationStore, blobs: Blobs, clock: Clock, max_bytes: int) -> None:
        form = RecordKind(
            "generation", GENERATION_FIELDS, max_bytes, to_generation, to_generation, from_generation, CHANGES
        )
        self._history = HistoryMethods(form, store, blobs, clock)
        self._store = store
        self._blobs = blobs
        self._clock = clock

    async def record(self, requests: AsyncIterator[pb.RecordGenerationRequest], owner: str) -> pb.Generation:
        return await self._history.record(requests, await anext(requests, pb.RecordGenerationRequest()), owner)

    async def get(self, request: pb.GetGenerationRequest, owner: str) -> pb.Generation:
        return await self._history.get(request.name, owner)

    async def list(self, request: pb.ListGenerationsRequest, owner: str) -> pb.ListGenerationsResponse:
        found, more = await self._history.page(request, owner)
        return pb.ListGenerationsResponse(generations=found, next_page_token=more)

    async def update(self, request: pb.UpdateGenerationRequest, owner: str) -> pb.Generation:
        return await self._history.update(request.generation, request.update_mask, owner)

    async def delete(self, request: pb.DeleteGenerationRequest, owner: str) -> Empty:
        await self._history.delete(request.name, owner)
        return Empty()

    async def delete_all(self, request: pb.DeleteGenerationsRequest, owner: str) -> pb.DeleteGenerationsResponse:
        """What the filter meets is deleted, or only counted."""
        if not request.filter.strip():
            raise InvalidField("filter", "filter must say what to delete; * is everything.")
        query = self._history.query("" if request.filter.strip() == EVERYTHING else request.filter)
        if request.force:
            total, names = await delete_all(self._store, self._blobs, owner, query), []
        else:
            total = await self._store.total(owner, query)
            names = [f"generations/{row.id}" for row in await self._store.page(owner, query, None, NAMES)]
        return pb.DeleteGenerationsResponse(count=total.count, size_bytes=total.size_bytes, names=names)

    async def statistics(self, request: pb.GetGenerationStatisticsRequest, owner: str) -> pb.GenerationStatistics:
        query = self._history.query(request.filter)
        limit = page_size(request.page_size, DEFAULT_GROUPS)
        group = _group(request.group_by)
        total = await self._store.sums(owner, query)
        groups = await self._store.grouped_sums(owner, query, group, limit) if group else ()
        return pb.GenerationStatistics(total=to_statistics(total), groups=map(to_statistics, groups))

    async def export(self, request: pb.ExportGenerationsRequest, owner: str) -> AsyncIterator[HttpBody]:
        """The history as a zip file, in blocks; the first one sets the content type."""
        query = self._history.query(request.filter)
        archive = HistoryArchive(self._store, self._blobs, owner, query, self._clock())
        content_type = "application/zip"
        async for piece in zipped(archive.entries(audio=not request.without_audio)):
            yield HttpBody(content_type=content_type, data=piece)
            content_type = ""

    async def download(self, request: pb.DownloadGenerationAudioRequest, owner: str, requested_range: str) -> Download:
        return await self._history.download(request.name, owner, requested_range)


def _group(number: int) -> GroupBy | None:
    if number not in _GROUPS:
        raise InvalidField("group_by", "group_by must be PROFILE, ENGINE or DAY.")
    return _GROUPS[number]
