"""Copies a whole catalog into other stores, and proves that the copy is the same."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, Table, func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from voicebox_blobs.blobs import Blobs, sha256_of
from voicebox_kit.errors import StartError
from voicebox_sql.database import Database

from voicebox_catalog.store import search_index
from voicebox_catalog.store.table_rows import TABLES, blobs_of, content_of, for_each, key_column, key_of, rows_after
from voicebox_catalog.store.tables import Lease

MARK = "move"
"""The name of the lease that a target has until its move is complete; its holder names the source."""


@dataclass(frozen=True)
class CatalogStores:
    """A catalog's two halves. `writers` is the engine of the database's writers."""

    database: Database
    writers: AsyncEngine
    blobs: Blobs


@dataclass
class CopyReport:
    """What was found the same on both sides."""

    rows: dict[str, int] = field(default_factory=dict)
    blobs: int = 0
    size_bytes: int = 0


async def move(
    source: CatalogStores, target: CatalogStores, source_name: str, report: Callable[[str], None]
) -> CopyReport:
    """Copy all rows and their blobs, then read both sides and compare. A move that was interrupted goes on where it
    was.

    Nobody may write to either side meanwhile. Raises StartError when the target holds anything but an unfinished move
    of this source, when a blob is missing, and when the sides differ.
    """
    await target.database.write(lambda session: _mark(session, source_name))
    async with source.database.reading() as session:  # all from one moment
        for table in TABLES:
            await _copy(session, table, source.blobs, target)
            report(f"{table.name} copied")
        async with target.writers.begin() as connection:
            await connection.run_sync(search_index.rebuild)
        moved = CopyReport()
        for table in TABLES:
            await _compare(session, table, source.blobs, target, moved)
            report(f"{table.name} verified: {moved.rows[table.name]} rows")
    await target.database.write(_unmark)
    return moved


async def refuse_unfinished(database: Database) -> None:
    """Raises StartError when a move into this database was not completed: it would look as if the rest had been
    lost.
    """
    async with database.reading() as session:
        if await session.get(Lease, MARK):
            raise StartError("The catalog's database holds an unfinished move: run `voicebox catalog move` again.")


async def _mark(session: AsyncSession, source_name: str) -> None:
    mark = await session.get(Lease, MARK)
    if mark and mark.holder == source_name:
        return
    filled = [table.name for table in TABLES if await session.scalar(select(func.count()).select_from(table))]
    if mark or filled:
        raise StartError(
            f"The target is not empty ({', '.join(filled) or 'another unfinished move'}): give it a database of its "
            "own."
        )
    session.add(Lease(name=MARK, holder=source_name, until_us=0))


async def _unmark(session: AsyncSession) -> None:
    await session.delete(await session.get_one(Lease, MARK))


async def _copy(session: AsyncSession, table: Table, blobs: Blobs, target: CatalogStores) -> None:
    """A batch at a time, blobs first: what the target has rows of, it has whole."""
    async with target.database.reading() as reading:
        after = await reading.scalar(select(func.max(key_column(reading, table))))
    while rows := await rows_after(session, table, after):
        await for_each(blobs_of(table, rows), lambda name: _copy_blob(blobs, target.blobs, name))
        values = [dict(row._mapping) for row in rows]

        async def work(writing: AsyncSession, values: list[dict[str, Any]] = values) -> None:
            await writing.execute(insert(table), values)

        await target.database.write(work)
        after = key_of(table, rows[-1])


async def _copy_blob(source: Blobs, target: Blobs, name: str) -> None:
    try:
        if await target.size_bytes(name) == await source.size_bytes(name):
            return  # from before the interruption; the comparison reads it
    except FileNotFoundError:
        pass
    try:
        await target.put_as(name, source.read(name))
    except FileNotFoundError as error:
        raise StartError(f"The source has a row, but no file, of the blob {name}.") from error


async def _compare(session: AsyncSession, table: Table, blobs: Blobs, target: CatalogStores, moved: CopyReport) -> None:
    """StartError for the first difference."""
    count, after = 0, None
    async with target.database.reading() as reading:
        while True:
            rows, others = await rows_after(session, table, after), await rows_after(reading, table, after)
            if _digest(rows) != _digest(others):
                raise StartError(f"The rows of {table.name} differ after {count} of them.")
            if not rows:
                break
            sizes = await for_each(blobs_of(table, rows), lambda name: _compare_blob(blobs, target.blobs, name))
            moved.blobs += len(sizes)
            moved.size_bytes += sum(sizes)
            count += len(rows)
            after = key_of(table, rows[-1])
    moved.rows[table.name] = count


async def _compare_blob(source: Blobs, target: Blobs, name: str) -> int:
    """The size. The name contains the content's hash; for names of the first version the source is compared."""
    expected = sha256_of(name) or (await content_of(source, name))[0]
    found, size_bytes = await content_of(target, name)
    if found != expected:
        raise StartError(f"The blob {name} differs: its SHA-256 is {found}.")
    return size_bytes


def _digest(rows: Sequence[Row[Any]]) -> str:
    """The same for the same values, whichever database they come from."""
    lines = (json.dumps(tuple(row), sort_keys=True, default=bytes.hex) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
