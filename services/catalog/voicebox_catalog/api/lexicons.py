"""The RPCs of lexicons."""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_kit.errors import InvalidField
from voicebox_sql.clock import Clock
from voicebox_sql.paging import from_token, page_size, to_token

from voicebox_catalog.lexicons import csv_file, pls
from voicebox_catalog.lexicons.document import FIELD, Document, without_repeats
from voicebox_catalog.lexicons.entries import Entry, checked
from voicebox_catalog.store.lexicons import LexiconStore
from voicebox_catalog.store.tables import Lexicon

from . import checks
from .lexicon_messages import (
    LEXICON_FIELDS,
    entries_of,
    entry_columns,
    given_entries,
    plain_columns,
    to_lexicon,
)
from .masks import masked
from .profiles import digest

MAX_BYTES = 8 * 1024 * 1024
BLOCK_BYTES = 256 * 1024
FORMATS = {pb.LEXICON_FORMAT_UNSPECIFIED, pb.LEXICON_FORMAT_PLS, pb.LEXICON_FORMAT_CSV}
_XML_STARTS = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe<", b"\xfe\xff\0<", b"<\0", b"\0<")


class Lexicons:
    """Each method answers one RPC for the owner that calls."""

    def __init__(self, store: LexiconStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def create(self, request: pb.CreateLexiconRequest, owner: str) -> pb.Lexicon:
        lexicon = request.lexicon
        content = digest(pb.CreateLexiconRequest(lexicon=lexicon, lexicon_id=request.lexicon_id))
        identity = _identity(request.lexicon_id)
        fields = {"language", "case_sensitive", *(["display_name"] if lexicon.display_name else [])}
        given = plain_columns(lexicon, fields)
        entries = await _checked(given_entries(lexicon), "lexicon.entries", case_sensitive=lexicon.case_sensitive)
        columns = {"display_name": identity} | given | entry_columns(entries)
        row = _new(owner, identity, checks.request_id(request.request_id), content, columns)
        return to_lexicon(await self._store.create(row, self._clock()))

    async def get(self, request: pb.GetLexiconRequest, owner: str) -> pb.Lexicon:
        row = await self._store.get(owner, checks.lexicon_name(request.name), request.known_etag)
        return to_lexicon(row, with_entries=row.etag != request.known_etag)

    async def list(self, request: pb.ListLexiconsRequest, owner: str) -> pb.ListLexiconsResponse:
        size = page_size(request.page_size)
        query = ("lexicons", owner)
        rows = await self._store.page(owner, from_token(request.page_token, *query), size + 1)
        more = to_token(rows[size - 1].key, *query) if len(rows) > size else ""
        listed = (to_lexicon(row, with_entries=False) for row in rows[:size])
        return pb.ListLexiconsResponse(lexicons=listed, next_page_token=more)

    async def update(self, request: pb.UpdateLexiconRequest, owner: str) -> pb.Lexicon:
        lexicon, etag = request.lexicon, request.lexicon.etag
        identity = checks.lexicon_name(lexicon.name, "lexicon.name")
        fields = set(masked(lexicon, request.update_mask, LEXICON_FIELDS))
        changes = plain_columns(lexicon, fields)
        if fields & {"case_sensitive", "entries"}:
            stored = await self._store.get(owner, identity)
            entries = given_entries(lexicon) if "entries" in fields else entries_of(stored)
            case_sensitive = lexicon.case_sensitive if "case_sensitive" in fields else stored.case_sensitive
            changes |= entry_columns(await _checked(entries, "lexicon.entries", case_sensitive=case_sensitive))
            etag = etag or stored.etag  # what was checked together must not change before it is stored
        return to_lexicon(await self._store.update(owner, identity, changes, etag, self._clock()))

    async def delete(self, request: pb.DeleteLexiconRequest, owner: str) -> Empty:
        await self._store.delete(owner, checks.lexicon_name(request.name), request.etag)
        return Empty()

    async def import_file(
        self, requests: AsyncIterator[pb.ImportLexiconRequest], owner: str
    ) -> pb.ImportLexiconResponse:
        """Import a lexicon from a file, whole or not at all; a repeated request id returns the stored one."""
        first = await anext(requests, pb.ImportLexiconRequest())
        identity, request_id = _identity(first.lexicon_id), checks.request_id(first.request_id)
        _refuse_format(first.format)
        language = checks.language(first.language, "language") if first.language else ""
        display_name = checks.display_name(first.display_name, "display_name") if first.display_name else identity
        data = await _whole(first, requests)
        document = await asyncio.to_thread(_read, data, first.format)
        case_sensitive = first.case_sensitive if first.HasField("case_sensitive") else document.case_sensitive
        document = await asyncio.to_thread(without_repeats, document, case_sensitive=case_sensitive)
        entries = await _checked(document.entries, FIELD, case_sensitive=case_sensitive)
        columns = {
            "display_name": display_name,
            "language": language or document.language or checks.DEFAULT_LANGUAGE,
            "case_sensitive": case_sensitive,
            "warnings": list(document.warnings),
        } | entry_columns(entries)
        options = pb.ImportLexiconRequest()
        options.CopyFrom(first)
        options.ClearField("request_id")
        options.file.data = hashlib.sha256(data).digest()
        row = _new(owner, identity, request_id, digest(options), columns)
        stored = await self._store.create(row, self._clock())
        return pb.ImportLexiconResponse(lexicon=to_lexicon(stored, with_entries=False), warnings=stored.warnings)

    async def export(self, request: pb.ExportLexiconRequest, owner: str) -> AsyncIterator[HttpBody]:
        """The file, in blocks."""
        _refuse_format(request.format)
        row = await self._store.get(owner, checks.lexicon_name(request.name))
        entries = entries_of(row)
        if request.format == pb.LEXICON_FORMAT_CSV:
            kind, data = csv_file.CONTENT_TYPE, csv_file.write_csv(entries)
        else:
            kind, data = pls.CONTENT_TYPE, pls.write_pls(entries, row.language, case_sensitive=row.case_sensitive)
        for begin in range(0, len(data), BLOCK_BYTES):
            yield HttpBody(content_type="" if begin else kind, data=data[begin : begin + BLOCK_BYTES])


def _identity(given: str) -> str:
    return checks.profile_id(given, "lexicon_id") if given else str(uuid.uuid4())


def _new(owner: str, identity: str, request_id: str | None, content: str, columns: dict[str, Any]) -> Lexicon:
    """A row that the store has not seen yet."""
    return Lexicon(
        key=0,
        owner=owner,
        id=identity,
        update_time_us=0,
        etag="",
        request_id=request_id,
        request_digest=content,
        **columns,
    )


async def _checked(entries: Sequence[Entry], field: str, *, case_sensitive: bool) -> list[Entry]:
    """Ten thousand entries take a tenth of a second."""
    return await asyncio.to_thread(checked, entries, field, case_sensitive=case_sensitive)


def _refuse_format(given: int) -> None:
    if given not in FORMATS:
        raise InvalidField("format", f"There is no lexicon format {given}.")


async def _whole(first: pb.ImportLexiconRequest, requests: AsyncIterator[pb.ImportLexiconRequest]) -> bytes:
    data = bytearray(first.file.data)
    async for request in requests:
        data += request.file.data
        if len(data) > MAX_BYTES:
            break
    if len(data) > MAX_BYTES:
        raise InvalidField(FIELD, f"{FIELD} must have at most {MAX_BYTES} bytes.", "LEXICON_TOO_LARGE")
    if not data.strip():
        raise InvalidField(FIELD, f"{FIELD} is empty.", "LEXICON_FILE_INVALID")
    return bytes(data)


def _read(data: bytes, given: int) -> Document:
    looks_like_pls = data.lstrip().startswith(_XML_STARTS)
    if given == pb.LEXICON_FORMAT_PLS or (given == pb.LEXICON_FORMAT_UNSPECIFIED and looks_like_pls):
        return pls.read_pls(data)
    return csv_file.read_csv(data)
