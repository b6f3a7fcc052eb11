"""SQLite: its connections, and writers that are committed together."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from threading import Thread
from typing import Any

import aiosqlite
from sqlalchemy import Connection, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from voicebox_kit.errors import StartError

from . import sqlite_driver
from .together import Together

READERS = 4
BUSY_SECONDS = 10

Work = Callable[[AsyncSession], Awaitable[Any]]

# FULL: an acknowledged row is on disk even when the power fails; with WAL that is one fsync a commit, 0.8 ms here.
PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    f"PRAGMA busy_timeout = {1000 * BUSY_SECONDS}",
    "PRAGMA cache_size = -16000",
)


@asynccontextmanager
async def engines(url: URL) -> AsyncIterator[tuple[AsyncEngine, AsyncEngine]]:
    """The engine of the readers and the one of the writers, which has a single connection."""
    path = url.database or ":memory:"
    _try(path)
    workers: list[Thread] = []
    readers = _engine(path, READERS, "BEGIN", workers)
    # IMMEDIATE: a transaction that reads first and then writes would fail at once when another process wrote in between.
    writers = _engine(path, 1, "BEGIN IMMEDIATE", workers)
    try:
        await _connect(writers, 1)
        await _connect(readers, READERS)
        yield readers, writers
    finally:
        await readers.dispose()
        await writers.dispose()
        for worker in workers:  # one that still serves a cancelled query would answer into an event loop that is closed
            await asyncio.to_thread(worker.join, BUSY_SECONDS)


class Batches:
    """Runs works one after another, in the order of asking; those that wait together share a transaction, and so one fsync."""

    def __init__(self, writers: AsyncEngine) -> None:
        self._writers = writers
        self._together = Together(self._commit)
        self.run = self._together.ask
        self.close = self._together.close

    async def _commit(self, works: Sequence[Work]) -> Sequence[Any]:
        """When the transaction itself fails, as on a full disk, all of it has failed."""
        try:
            async with self._writers.begin() as connection:
                return [await _outcome(connection, work) for work in works]
        except Exception as error:
            return [error] * len(works)


@asynccontextmanager
async def committing(writers: AsyncEngine) -> AsyncIterator[Batches]:
    """Batches that are all committed at the end of the block."""
    batches = Batches(writers)
    try:
        yield batches
    finally:
        await batches.close()


async def _outcome(connection: AsyncConnection, work: Work) -> Any:
    """What the work answers, or how it failed; then it is undone, to its savepoint, and the transaction goes on."""
    async with AsyncSession(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session:
        try:
            answer = await work(session)
            await session.commit()
        except Exception as error:
            try:
                await session.rollback()  # which also makes its new rows new again, should the work be run once more
            except OperationalError:  # no such savepoint: SQLite has undone the whole transaction, as it may on a full disk
                raise error from None
            return error
    return answer


def _try(path: str) -> None:
    """Open the file once without the driver, whose connections that fail to open leave their threads behind."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA schema_version")
    except sqlite3.Error as error:
        raise StartError(f"The catalog's database cannot be opened: {error}.") from error


async def _connect(engine: AsyncEngine, count: int) -> None:
    """Open all connections now: one that is cancelled while it opens leaves its thread behind."""
    async with AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(engine.connect())


def _engine(path: str, size: int, begin: str, workers: list[Thread]) -> AsyncEngine:
    """An engine whose transactions begin by `begin`: the driver would begin them late. Adds each connection's thread."""

    async def open_connection() -> aiosqlite.Connection:
        connection = sqlite_driver.open_connection(path, PRAGMAS)
        workers.append(connection._thread)  # aiosqlite has no public way to wait for its end
        return await connection

    options = {"async_creator": open_connection, "pool_size": size, "max_overflow": 0, "pool_timeout": 3600, "hide_parameters": True}
    engine = create_async_engine(URL.create("sqlite+aiosqlite", database=path), **options)

    @event.listens_for(engine.sync_engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
