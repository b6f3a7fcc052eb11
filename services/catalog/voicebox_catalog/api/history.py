"""What the RPCs of generations and of transcriptions have in common."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from google.protobuf.field_mask_pb2 import FieldMask
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_blobs.blobs import Blobs
from voicebox_kit.errors import InvalidField, NotFound
from voicebox_sql.clock import Clock
from voicebox_sql.paging import cursor_from_token, page_size, to_token

from voicebox_catalog.store import history_query
from voicebox_catalog.store.filters import FilterField
from voicebox_catalog.store.history import HistoryStore, Totals
from voicebox_catalog.store.history_pages import Row
from voicebox_catalog.store.history_query import Query

from . import checks
from .downloads import Download, open_download
from .masks import masked
from .times import time_us

PAGE_BYTES = 3 * 1024 * 1024

DELETED_AT_ONCE = 200
"""Rows of one transaction: others write in between."""

Record = TypeVar("Record", pb.Generation, pb.Transcription)


class ListRequest(Protocol):
    """A request for a page."""

    page_size: int
    page_token: str
    filter: str
    search: str
    order_by: str


@dataclass(frozen=True)
class RecordKind(Generic[Row, Record]):
    """A kind of record: `generation` or `transcription`, its messages and its rows.

    `fields` are those of its filters, `changes` the checks of what a caller may change. `max_bytes` is the limit of
    its audio.
    """

    kind: str
    fields: frozenset[FilterField]
    max_bytes: int
    to_message: Callable[[Row], Record]
    to_listed: Callable[[Row], Record]
    to_row: Callable[[Record, str], Row]
    changes: Mapping[str, Callable[[Record], Any]]


class HistoryMethods(Generic[Row, Record]):
    """Each method answers for the owner that calls."""

    def __init__(self, form: RecordKind[Row, Record], store: HistoryStore[Row], blobs: Blobs, clock: Clock) -> None:
        self._form: RecordKind[Row, Record] = form
        self._store: HistoryStore[Row] = store
        self._blobs = blobs
        self._clock = clock

    async def record(self, requests: AsyncIterator[Any], first: Any, owner: str) -> Record:
        """Store a record exactly once: a repeat, even a concurrent one, returns the stored record, whatever it
        carries.

        `first` is the message before `requests`; both have the record, or audio.
        """
        form = self._form
        if not first.HasField(form.kind):
            raise InvalidField(form.kind, f"The first message must carry the {form.kind}.")
        message: Record = getattr(first, form.kind)
        row = form.to_row(message, owner)
        now_us = (
            time_us(message.create_time, f"{form.kind}.create_time")
            if message.HasField("create_time")
            else self._clock()
        )
        stored = await self._store.find(owner, row.id)
        if stored:
            return form.to_message(stored)
        audio = self._audio(requests)
        begin = await anext(audio, None)
        if begin:
            blob = await self._blobs.put(f"{form.kind}s", _joined(begin, audio), form.max_bytes)
            row.blob, row.size_bytes = blob.name, blob.size_bytes
        stored = await self._store.add(row, now_us)
        if row.blob and stored.blob != row.blob:
            await self._blobs.delete(row.blob)
        return form.to_message(stored)

    async def get(self, name: str, owner: str) -> Record:
        return self._form.to_message(await self._store.get(owner, self._id(name)))

    async def page(self, request: ListRequest, owner: str) -> tuple[Sequence[Record], str]:
        """The records of a page, and the token of the next one. Long texts make it end early: an answer has at most 4
        MiB.
        """
        size = page_size(request.page_size)
        texts = (self._form.kind, owner, request.filter, request.search, request.order_by)
        query = self.query(request.filter, request.search, request.order_by)
        rows = await self._store.page(owner, query, cursor_from_token(request.page_token, *texts), size + 1)
        records = _within(PAGE_BYTES, map(self._form.to_listed, rows[:size]))
        if len(records) == len(rows):
            return records, ""
        last = self._store.cursor(query, rows[len(records) - 1])
        return records, to_token(last.key, *texts, rank=last.rank)

    def query(self, filter: str, search: str = "", order_by: str = "") -> Query:
        """The query of a request. InvalidField names what is wrong."""
        return history_query.parse(self._form.fields, filter, search, order_by)

    async def update(self, message: Record, mask: FieldMask, owner: str) -> Record:
        """Change the fields that the mask names: those that are set without a mask, all for `*`."""
        identity = self._id(message.name, f"{self._form.kind}.name")
        changes = {name: self._form.changes[name](message) for name in masked(message, mask, self._form.changes)}
        return self._form.to_message(await self._store.update(owner, identity, changes, message.etag))

    async def delete(self, name: str, owner: str) -> None:
        row = await self._store.delete(owner, self._id(name))
        if row.blob:
            await self._blobs.delete(row.blob)

    async def download(self, name: str, owner: str, requested_range: str) -> Download:
        """The audio, or a part of it. NotFound of kind `audio` when none was stored."""
        row = await self._store.get(owner, self._id(name))
        resource = f"{self._form.kind}s/{row.id}"
        if not row.blob:
            raise NotFound("audio", resource)
        return await open_download(self._blobs, row.blob, row.container, resource, requested_range, row.size_bytes)

    def _id(self, name: str, field: str = "name") -> str:
        return checks.record_name(self._form.kind, name, field)

    async def _audio(self, requests: AsyncIterator[Any]) -> AsyncIterator[bytes]:
        async for request in requests:
            if request.HasField(self._form.kind):
                raise InvalidField(self._form.kind, f"Only the first message may carry the {self._form.kind}.")
            if request.audio:
                yield request.audio


async def delete_all(store: HistoryStore[Row], blobs: Blobs, owner: str, query: Query) -> Totals:
    """Delete everything that meets a query, some at a time: the rows, then their audio."""
    total = Totals(0, 0)
    while gone := await store.delete_some(owner, query, DELETED_AT_ONCE):
        await blobs.delete(*(blob for blob, _ in gone if blob))
        total = Totals(total.count + len(gone), total.size_bytes + sum(size for _, size in gone))
    return total


def _within(max_bytes: int, records: Iterable[Record]) -> list[Record]:
    """As many of the records as fit into this many bytes together; at least one, if there is one."""
    found: list[Record] = []
    for record in records:
        max_bytes -= record.ByteSize()
        if found and max_bytes < 0:
            break
        found.append(record)
    return found


async def _joined(begin: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield begin
    async for block in rest:
        yield block
