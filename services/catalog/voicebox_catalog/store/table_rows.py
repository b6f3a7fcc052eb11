"""Reads all rows of a table, some at a time, and the blobs that they name."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import BigInteger, ColumnElement, Row, Table, collate, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel
from voicebox_blobs.blobs import Blobs

from .blob_rows import COLUMNS
from .tables import ClockReading, Lease

T = TypeVar("T")

ROWS = 500
AT_ONCE = 8
"""Files that are read at the same time: most of the time is waiting."""

TABLES = [
    table
    for table in SQLModel.metadata.sorted_tables
    if table.name not in (Lease.__tablename__, ClockReading.__tablename__)
]
"""Parents before children. Leases and clock readings belong to running processes."""


async def content_of(blobs: Blobs, name: str) -> tuple[str, int]:
    """What a blob holds: its SHA-256 in hex, and its bytes. FileNotFoundError when it is not there."""
    digest, size_bytes = hashlib.sha256(), 0
    async for block in blobs.read(name):
        digest.update(block)
        size_bytes += len(block)
    return digest.hexdigest(), size_bytes


async def rows_after(session: AsyncSession, table: Table, after: Any) -> Sequence[Row[Any]]:
    """Rows after a primary key, in its order; the first ones for None."""
    key = key_column(session, table)
    statement = select(table).order_by(key).limit(ROWS)
    return (await session.execute(statement if after is None else statement.where(key > after))).all()


def key_of(table: Table, row: Row[Any]) -> Any:
    """The primary key of a row."""
    (key,) = table.primary_key.columns
    return row._mapping[key]


def key_column(session: AsyncSession, table: Table) -> ColumnElement[Any]:
    """The primary key, in an order in which all databases agree: names by their code points, whatever the language."""
    (key,) = table.primary_key.columns
    if not isinstance(key.type, BigInteger):
        return collate(key, "BINARY" if session.get_bind().dialect.name == "sqlite" else "C")
    return key


def blobs_of(table: Table, rows: Sequence[Row[Any]]) -> list[str]:
    """The blobs that the rows hold."""
    columns = [column for column in COLUMNS if column.table is table]
    return [name for row in rows for column in columns if (name := row._mapping[column])]


async def for_each(names: Sequence[str], work: Callable[[str], Awaitable[T]]) -> list[T]:
    """What `work` answers for each name, AT_ONCE of them at a time; the first error as it is."""
    answers: list[T] = []
    for begin in range(0, len(names), AT_ONCE):
        answers += await asyncio.gather(*map(work, names[begin : begin + AT_ONCE]))
    return answers
