"""SQLite: its connections, and writers that are committed together."""

import asyncio
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import aiosqlite
from sqlalchemy import Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from voicebox_kit.errors import StartError

from . import sqlite_driver
from .batcher import Batcher
from .errors import broken
from .reserve import Reserve

log = logging.getLogger(__name__)

READERS = 4
BUSY_SECONDS = 10
CHECKED_BYTES = 1024 * 1024 * 1024
"""A database up to this size is checked at every start: some seconds at most."""
RESERVE_BYTES = 16 * 1024 * 1024

T = TypeVar("T")

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
    # IMMEDIATE: a transaction that reads first and then writes would fail at once when another process wrote in
    # between.
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


class SqliteReads:
    """Runs works in threads, each with a connection of its own: a whole transaction is one switch between threads."""

    def __init__(self, engine: Engine, executor: ThreadPoolExecutor) -> None:
        self._engine = engine
        self._executor = executor

    async def run(self, work: Callable[[Session], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._run, work)

    def _run(self, work: Callable[[Session], T]) -> T:
        with Session(self._engine, expire_on_commit=False) as session:
            return work(session)


@asynccontextmanager
async def reading(url: URL) -> AsyncIterator[SqliteReads]:
    """Threads that read, until the block ends."""
    path = url.database or ":memory:"

    def connect() -> sqlite3.Connection:
        return sqlite_driver.connect(path, PRAGMAS)

    engine = create_engine(
        "sqlite://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=READERS,
        max_overflow=0,
        hide_parameters=True,
        json_deserializer=sqlite_driver.json_value,
    )
    event.listen(engine, "begin", _begin)
    with ThreadPoolExecutor(READERS, thread_name_prefix="sql-reads") as executor:
        yield SqliteReads(engine, executor)
    engine.dispose()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def reserve(url: URL) -> Reserve | None:
    """The space beside the file that is reserved for deleting on a full disk, allocated now; None for a database in
    memory.
    """
    if not url.database or url.database == ":memory:":
        return None
    space = Reserve(Path(url.database).with_name("reserve"), RESERVE_BYTES)
    space.fill()
    return space


class WriteBatches:
    """Runs works one after another, in the order of asking; those that wait together share a transaction, and so one
    fsync.
    """

    def __init__(self, writers: AsyncEngine, path: str | None) -> None:
        self._writers = writers
        self._path = None if path in (None, ":memory:") else path
        self._identity = self._file_identity()
        self._together = Batcher(self._commit)
        self.run = self._together.submit
        self.close = self._together.close

    def is_in_place(self) -> bool:
        """Whether the file that is open still has its name: writing to another would be writing into nothing. 2 µs."""
        return self._identity == self._file_identity()

    def _file_identity(self) -> tuple[int, int] | None:
        if self._path is None:
            return None
        try:
            status = os.stat(self._path)
        except OSError:
            return (0, 0)
        return status.st_dev, status.st_ino

    async def _commit(self, works: Sequence[Work]) -> Sequence[Any]:
        """When the transaction itself fails, as on a full disk, all of it has failed."""
        if not self.is_in_place():
            return [broken("its file was deleted or replaced")] * len(works)
        try:
            if len(works) == 1:  # no other could be spoilt: a savepoint would cost two more switches between threads
                async with AsyncSession(self._writers, expire_on_commit=False) as session, session.begin():
                    return [await works[0](session)]
            async with self._writers.begin() as connection:
                return [await _outcome(connection, work) for work in works]
        except Exception as error:
            return [error] * len(works)


@asynccontextmanager
async def committing(writers: AsyncEngine, path: str | None) -> AsyncIterator[WriteBatches]:
    """WriteBatches that are all committed at the end of the block. `path` is that of the file, None for a database in
    memory.
    """
    batches = WriteBatches(writers, path)
    try:
        yield batches
    finally:
        await batches.close()


async def _outcome(connection: AsyncConnection, work: Work) -> Any:
    """What the work returns, or how it failed; on failure it is rolled back to its savepoint, and the transaction goes
    on.
    """
    async with AsyncSession(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session:
        try:
            answer = await work(session)
            await session.commit()
        except Exception as error:
            try:
                await session.rollback()  # which also makes its new rows new again, should the work be run once more
            except (
                OperationalError
            ):  # no such savepoint: SQLite has undone the whole transaction, as it may on a full disk
                raise error from None
            return error
    return answer


def _try(path: str) -> None:
    """Open the file once without the driver, whose connections that fail to open leave their threads behind."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA schema_version")
            found = _damage(connection)
    except sqlite3.Error as error:
        raise StartError(f"The database cannot be opened: {error}.") from error
    if found:
        raise StartError(
            f"The database {path} is damaged ({found}). Restore a backup, of the catalog by voicebox catalog restore."
        )


def _damage(connection: sqlite3.Connection) -> str:
    """The first fault of a file that is small enough to be checked at every start; empty for none."""
    (size_bytes,) = connection.execute(
        "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    ).fetchone()
    if size_bytes > CHECKED_BYTES:
        log.info(
            "The database has %d bytes, too many to be checked at every start: `voicebox catalog verify` does it.",
            size_bytes,
        )
        return ""
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return "" if found == "ok" else str(found).splitlines()[-1]


async def _connect(engine: AsyncEngine, count: int) -> None:
    """Open all connections now: one that is cancelled while it opens leaves its thread behind."""
    async with AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(engine.connect())


def _engine(path: str, size: int, begin: str, workers: list[Thread]) -> AsyncEngine:
    """An engine whose transactions begin by `begin`: the driver would begin them late. Adds each connection's
    thread.
    """

    async def open_connection() -> aiosqlite.Connection:
        connection = sqlite_driver.open_connection(path, PRAGMAS)
        workers.append(connection._thread)  # aiosqlite has no public way to wait for its end
        return await connection

    options = {
        "async_creator": open_connection,
        "pool_size": size,
        "max_overflow": 0,
        "pool_timeout": 3600,
        "hide_parameters": True,
        "json_deserializer": sqlite_driver.json_value,
    }
    engine = create_async_engine(URL.create("sqlite+aiosqlite", database=path), **options)

    @event.listens_for(engine.sync_engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
