"""The RPCs of generations."""

from collections.abc import AsyncIterator

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_kit.errors import InvalidField, NotFound

from . import checks, filters
from .blobs import Blobs
from .clock import Clock
from .downloads import bodies
from .generation_store import GenerationStore
from .messages import create_time_us, from_generation, to_generation
from .paging import from_token, page_size, to_token
from .search import words_of


class Generations:
    """Each method answers one RPC for the owner that calls."""

    def __init__(self, store: GenerationStore, blobs: Blobs, clock: Clock, most_bytes: int) -> None:
        self._store = store
        self._blobs = blobs
        self._clock = clock
        self._most_bytes = most_bytes

    async def record(self, requests: AsyncIterator[pb.RecordGenerationRequest], owner: str) -> pb.Generation:
        """Keep a generation exactly once: a repeat, even one that runs at the same time, answers what is kept, whatever it carries."""
        first = await anext(requests, pb.RecordGenerationRequest())
        if not first.HasField("generation"):
            raise InvalidField("generation", "The first message must carry the generation.")
        row = from_generation(first.generation, owner)
        time_us = create_time_us(first.generation, self._clock())
        kept = await self._store.find(owner, row.id)
        if kept:
            return to_generation(kept)
        audio = _audio(requests)
        begin = await anext(audio, None)
        if begin:
            blob = await self._blobs.put("generations", _joined(begin, audio), self._most_bytes)
            row.blob, row.size_bytes = blob.name, blob.size_bytes
        kept = await self._store.keep(row, time_us)
        if row.blob and kept.blob != row.blob:
            await self._blobs.delete(row.blob)
        return to_generation(kept)

    async def get(self, request: pb.GetGenerationRequest, owner: str) -> pb.Generation:
        return to_generation(await self._store.get(owner, checks.generation_name(request.name)))

    async def list(self, request: pb.ListGenerationsRequest, owner: str) -> pb.ListGenerationsResponse:
        size = page_size(request.page_size)
        query = ("generations", owner, request.filter, request.search)
        conditions, words = filters.parse(request.filter), words_of(request.search)
        rows = await self._store.page(owner, conditions, words, from_token(request.page_token, *query), size + 1)
        more = to_token(rows[size - 1].key, *query) if len(rows) > size else ""
        return pb.ListGenerationsResponse(generations=map(to_generation, rows[:size]), next_page_token=more)

    async def delete(self, request: pb.DeleteGenerationRequest, owner: str) -> Empty:
        row = await self._store.delete(owner, checks.generation_name(request.name))
        if row.blob:
            await self._blobs.delete(row.blob)
        return Empty()

    async def download(self, request: pb.DownloadGenerationAudioRequest, owner: str) -> AsyncIterator[HttpBody]:
        """The audio. NotFound of kind `audio` when none was kept."""
        row = await self._store.get(owner, checks.generation_name(request.name))
        if not row.blob:
            raise NotFound("audio", f"generations/{row.id}")
        async for body in bodies(self._blobs, row.blob, row.container, f"generations/{row.id}"):
            yield body


async def _audio(requests: AsyncIterator[pb.RecordGenerationRequest]) -> AsyncIterator[bytes]:
    async for request in requests:
        if request.HasField("generation"):
            raise InvalidField("generation", "Only the first message may carry the generation.")
        if request.audio:
            yield request.audio


async def _joined(begin: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield begin
    async for block in rest:
        yield block
