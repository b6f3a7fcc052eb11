"""Opens the database and runs transactions in it."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from threading import Thread
from typing import Any, TypeVar

from sqlalchemy import Connection, event, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlmodel import SQLModel
from voicebox_kit.errors import Exhausted, StartError
from voicebox_kit.unbroken import unbroken

from . import search
from .tables import SCHEMA_VERSION, SchemaVersion

T = TypeVar("T")

READERS = 4
BUSY_SECONDS = 10

# FULL: an acknowledged row is on disk even when the power fails; with WAL that is one fsync a commit, 0.8 ms here.
PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    f"PRAGMA busy_timeout = {1000 * BUSY_SECONDS}",
    "PRAGMA cache_size = -16000",
)


class Database:
    """Transactions. In SQLite one writes at a time, in the order of asking, while others read."""

    def __init__(self, readers: AsyncEngine, writers: AsyncEngine) -> None:
        self._readers = readers
        self._writers = writers

    async def connect(self) -> None:
        """Open all connections now: one that is cancelled while it opens leaves its thread behind."""
        async with AsyncExitStack() as stack:
            for _ in range(READERS):
                session = await stack.enter_async_context(self.reading())
                await session.connection()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session that only reads, all from one moment."""
        async with AsyncSession(self._readers, expire_on_commit=False) as session:
            yield session

    async def write(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Run `work` and commit; on an error nothing of it is kept. It ends even if the caller is cancelled.

        Raises Exhausted("STORAGE_FULL") when the disk is full.
        """
        return await unbroken(self._write(work))

    async def _write(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        try:
            async with AsyncSession(self._writers, expire_on_commit=False) as session, session.begin():
                return await work(session)
        except OperationalError as error:
            if "disk is full" in str(error.orig):
                raise Exhausted("STORAGE_FULL", "The catalog's disk is full.") from error
            raise


@asynccontextmanager
async def open_database(url: str) -> AsyncIterator[Database]:
    """The database at a SQLAlchemy URL, with its tables. Raises StartError when it cannot be used."""
    workers: list[Thread] = []
    readers, writers = _engines(url, workers)
    try:
        database = Database(readers, writers)
        await database.write(_create)
        await database.connect()
        yield database
    finally:
        await readers.dispose()
        await writers.dispose()
        for worker in workers:  # one that still serves a cancelled query would answer into an event loop that is closed
            await asyncio.to_thread(worker.join, BUSY_SECONDS)


def _engines(url: str, workers: list[Thread]) -> tuple[AsyncEngine, AsyncEngine]:
    try:
        driver = make_url(url).drivername
    except ArgumentError as error:
        raise StartError("CATALOG_DATABASE_URL is not a database URL.") from error
    if driver != "sqlite+aiosqlite":
        raise StartError(f"CATALOG_DATABASE_URL must begin with sqlite+aiosqlite://, not {driver}://.")
    _try(make_url(url).database or ":memory:")
    readers = create_async_engine(url, pool_size=READERS, max_overflow=0, pool_timeout=3600)
    # A pool of one is the queue of the writers: they wait in order there, not by SQLite's sleeping and trying again.
    writers = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=3600)
    _prepare(readers, "BEGIN", workers)
    # IMMEDIATE: a transaction that reads first and then writes would fail at once when another process wrote in between.
    _prepare(writers, "BEGIN IMMEDIATE", workers)
    return readers, writers


def _try(path: str) -> None:
    """Open the file once without the driver, whose connections that fail to open leave their threads behind."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA schema_version")
    except sqlite3.Error as error:
        raise StartError(f"The catalog's database cannot be opened: {error}.") from error


def _prepare(engine: AsyncEngine, begin: str, workers: list[Thread]) -> None:
    """Take the transactions from the driver, which would begin them late, and begin them by `begin`. Adds each connection's thread."""

    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        workers.append(connection.driver_connection._thread)  # aiosqlite has no public way to wait for its end
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


async def _create(session: AsyncSession) -> None:
    await (await session.connection()).run_sync(SQLModel.metadata.create_all)
    await session.execute(search.CREATE)
    version = (await session.scalars(select(SchemaVersion))).one_or_none()
    if version is None:
        session.add(SchemaVersion(version=SCHEMA_VERSION))
    elif version.version != SCHEMA_VERSION:
        raise StartError(f"The catalog's database has schema {version.version}; this program knows schema {SCHEMA_VERSION}.")
