"""The history as the files of one archive: `generations.jsonl`, and the audio."""

import asyncio
from array import array
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from google.protobuf.json_format import MessageToJson
from voicebox_blobs.archives.zip_writer import Entry
from voicebox_blobs.blobs import Blobs
from voicebox_sql.keys import time_us_of
from voicebox_sql.paging import Cursor

from voicebox_catalog.store.generations import GenerationStore
from voicebox_catalog.store.history_query import Query
from voicebox_catalog.store.tables import Generation

from .downloads import CONTENT_TYPES
from .generation_messages import to_generation

ROWS = 200
"""Read at a time: only these are in memory, and 8 bytes for each of the others."""
LINES = "generations.jsonl"


@dataclass
class HistoryArchive:
    """What an owner's generations that meet a query are exported as."""

    store: GenerationStore
    blobs: Blobs
    owner: str
    query: Query
    now_us: int
    _keys: "array[int]" = field(default_factory=lambda: array("q"), init=False)

    async def entries(self, *, audio: bool) -> AsyncIterator[Entry]:
        """The files, made while they are read. Audio that is deleted meanwhile is left out; audio without a line never
        comes in.
        """
        yield Entry(LINES, self._lines(), _moment(self.now_us), compress=True)
        for begin in range(0, len(self._keys) if audio else 0, ROWS):
            for row in await self.store.some(self.owner, self._keys[begin : begin + ROWS]):
                blocks = self.blobs.read(row.blob)
                try:
                    first = await anext(blocks, b"")
                except FileNotFoundError:
                    continue
                yield Entry(audio_name(row), _chained(first, blocks), _moment(time_us_of(row.key)))

    async def _lines(self) -> AsyncIterator[bytes]:
        cursor: Cursor | None = None
        while rows := await self.store.page(self.owner, self.query, cursor, ROWS):
            cursor = self.store.cursor(self.query, rows[-1])
            self._keys.extend(row.key for row in rows if row.blob)
            yield await asyncio.to_thread(_json_lines, rows)  # 100 µs each


def audio_name(row: Generation) -> str:
    """Where the archive has a generation's audio."""
    return f"audio/{row.id}.{row.container if row.container in CONTENT_TYPES else 'bin'}"


def _json_lines(rows: Sequence[Generation]) -> bytes:
    return "".join(f"{MessageToJson(to_generation(row), indent=None, ensure_ascii=False)}\n" for row in rows).encode()


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for block in rest:
        yield block


def _moment(time_us: int) -> datetime:
    return datetime.fromtimestamp(time_us / 1e6, UTC)
