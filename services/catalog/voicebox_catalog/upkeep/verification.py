"""Reads everything that a catalog stores, and finds what is missing or damaged. Nothing is changed."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from voicebox_blobs.blobs import Blobs, sha256_of
from voicebox_sql.database import Database

from voicebox_catalog.store import blob_rows
from voicebox_catalog.store.table_rows import TABLES, blobs_of, content_of, for_each, key_of, rows_after

LISTED = 100
"""Faults of each kind that are named; the rest is counted."""


@dataclass
class VerificationReport:
    """What was read, and the faults that were found."""

    rows: dict[str, int] = field(default_factory=dict)
    blobs: int = 0
    size_bytes: int = 0
    database: str = ""
    """What SQLite says of its file; empty when it is whole."""
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    without_row: int = 0
    """Files that no row holds: the sweep deletes them once they are an hour old. No fault."""

    @property
    def is_whole(self) -> bool:
        return not (self.database or self.missing or self.damaged)


async def verify(database: Database, blobs: Blobs, report: Callable[[str], None]) -> VerificationReport:
    """Reads all rows, and each file that they hold, comparing its SHA-256 with its name. Others may write meanwhile."""
    found = VerificationReport()
    async with database.reading() as session:
        found.database = await _database_fault(session)
        for table in TABLES:
            count, after = 0, None
            while rows := await rows_after(session, table, after):
                await for_each(blobs_of(table, rows), lambda name: _check(blobs, name, found))
                count, after = count + len(rows), key_of(table, rows[-1])
            found.rows[table.name] = count
            report(f"{table.name}: {count} rows read")
    async for files in blobs.stored():
        names = [file.name for file in files]
        found.without_row += len(set(names) - await blob_rows.held(database, names))
    return found


async def _database_fault(session: AsyncSession) -> str:
    """The first fault of SQLite's file; PostgreSQL checks its pages itself where checksums are on."""
    if (await session.connection()).dialect.name != "sqlite":
        return ""
    result = str(await session.scalar(text("PRAGMA integrity_check(1)")))
    return "" if result == "ok" else result


async def _check(blobs: Blobs, name: str, found: VerificationReport) -> None:
    try:
        digest, size_bytes = await content_of(blobs, name)
    except FileNotFoundError:
        found.missing.append(name)
        return
    found.blobs += 1
    found.size_bytes += size_bytes
    if sha256_of(name) not in (None, digest):
        found.damaged.append(name)
