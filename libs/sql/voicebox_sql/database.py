"""Opens the database and runs transactions in it."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from prometheus_client import CollectorRegistry
from sqlalchemy import QueuePool, func, select, table
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session
from voicebox_kit.errors import Exhausted, StartError, Unavailable, VoiceboxError
from voicebox_kit.shielded import shielded

from . import postgres, sqlite
from .errors import BROKEN, broken, connecting, is_conflict, translated
from .metrics import DatabaseMetrics
from .migrations import Migrations
from .reserve import Reserve, no_space_to_delete

T = TypeVar("T")

Work = Callable[[AsyncSession], Awaitable[T]]
"""What happens in one transaction. It may be run again from its beginning, when another transaction came between."""

ATTEMPTS = 8
"""Of one work, while others come between: two that create the same name need two."""
PAUSE_SECONDS = 0.01


class Commits(Protocol):
    """Runs a work and commits it; on an error it is rolled back."""

    async def run(self, work: Work[Any]) -> Any: ...

    def is_in_place(self) -> bool:
        """Whether the database that is open is still the one at its address."""
        ...


@dataclass(frozen=True)
class Pool:
    """How PostgreSQL is used. SQLite decides its connections by itself."""

    connections: int = 10
    statement_seconds: float = 30.0
    """The longest that one statement may take."""
    connect_seconds: float = 30.0
    """How long a database that does not answer is waited for at start."""


class Reads(Protocol):
    """Runs a work that only reads, all from one moment."""

    async def run(self, work: Callable[[Session], T]) -> T: ...


class Database:
    """Transactions: many read at a time; those that write are committed in groups by SQLite, side by side by
    PostgreSQL.
    """

    def __init__(self, readers: AsyncEngine, reads: Reads, commits: Commits, reserve: Reserve | None = None) -> None:
        self._readers = readers
        self._reads = reads
        self._commits = commits
        self._reserve = reserve
        self._broken: Unavailable | None = None
        self._metrics: DatabaseMetrics | None = None

    def measure(self, registry: CollectorRegistry) -> None:
        """Time what happens from now on, for Prometheus."""
        pool = self._readers.pool  # on PostgreSQL that of the writers, too
        self._metrics = DatabaseMetrics(registry, lambda: pool.checkedout() if isinstance(pool, QueuePool) else 0)

    def _timed(self, work: str) -> AbstractContextManager[object]:
        return self._metrics.timed(work) if self._metrics else nullcontext()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session that only reads, all from one moment. Raises Unavailable when the database does not answer."""
        try:
            async with AsyncSession(self._readers, expire_on_commit=False) as session:
                with connecting(), self._timed("connect"):
                    await session.connection()
                with self._timed("read"):
                    yield session
        except Exception as error:
            raise self._translated(error) from error

    async def read(self, work: Callable[[Session], T]) -> T:
        """What a work that only reads returns; it runs in a thread where the database does, and so must not wait for
        anything else.

        For many short statements this is faster than `reading`. Raises Unavailable when the database does not answer.
        """
        try:
            with self._timed("read"):
                return await self._reads.run(work)
        except Exception as error:
            raise self._translated(error) from error

    async def check(self) -> None:
        """Raises Unavailable("STORAGE_BROKEN") when the database was removed, or found damaged, since it was
        opened.

        A server that does not answer for a while is none of these.
        """
        if not self._commits.is_in_place():
            raise broken("its file was deleted or replaced")
        with suppress(VoiceboxError):
            async with self.reading() as session:
                await session.execute(select(func.count()).select_from(table("alembic_version")))
        if self._broken:
            raise self._broken

    def _translated(self, error: Exception) -> Exception:
        caller_error = translated(error)
        if isinstance(caller_error, Unavailable) and caller_error.reason == BROKEN:
            self._broken = caller_error
        return caller_error

    async def write(self, work: Work[T]) -> T:
        """Run `work` and commit; on an error it is rolled back. It runs to its end even if the caller is cancelled.

        A work that meets another's row (a unique value, a deadlock) is run again, and then sees that row.
        Raises Exhausted("STORAGE_FULL") when the disk is full, Unavailable when the database does not answer: then the
        work may have been committed or not.
        """
        return await shielded(self._write(work))

    async def write_deletion(self, work: Work[T]) -> T:
        """As `write`, for a work that deletes: when the disk is full, space that was reserved for this is given up."""
        return await shielded(self._write_deletion(work))

    async def reserve_space(self) -> None:
        """Reserves space for deleting on a full disk again, once there is plenty."""
        if self._reserve is not None:
            await asyncio.to_thread(self._reserve.fill)

    async def _write_deletion(self, work: Work[T]) -> T:
        try:
            answer = await self._write(work)
        except Exhausted as error:
            if self._reserve is None or not await asyncio.to_thread(self._reserve.release):
                raise no_space_to_delete() from error
            try:
                answer = await self._write(work)
            except Exhausted as still_full:
                raise no_space_to_delete() from still_full
        return answer

    async def _write(self, work: Work[T]) -> T:
        for attempt in range(ATTEMPTS):
            try:
                with self._timed("write"):
                    answer: T = await self._commits.run(work)
            except Exception as error:
                if not is_conflict(error) or attempt == ATTEMPTS - 1:
                    raise self._translated(error) from error
                await asyncio.sleep(random.uniform(0, PAUSE_SECONDS * 2**attempt))  # noqa: S311 - so that two do not meet again
            else:
                return answer
        raise AssertionError("unreachable")


@asynccontextmanager
async def open_database(url: URL, migrations: Migrations, pool: Pool) -> AsyncIterator[Database]:
    """The database at a URL of `database_url`, migrated to today's tables. Raises StartError when it cannot be used."""
    async with connected(url, pool) as (database, writers):
        await migrations.upgrade(writers)
        yield database


@asynccontextmanager
async def connected(url: URL, pool: Pool) -> AsyncIterator[tuple[Database, AsyncEngine]]:
    """The database as it is, and the engine of its writers."""
    if url.get_backend_name() == "sqlite":
        async with (
            sqlite.engines(url) as (readers, writers),
            sqlite.committing(writers, url.database) as commits,
            sqlite.reading(url) as reads,
        ):
            yield Database(readers, reads, commits, sqlite.reserve(url)), writers
    else:
        async with postgres.engines(url, pool.connections, pool.statement_seconds, pool.connect_seconds) as (
            readers,
            writers,
        ):
            yield Database(readers, postgres.PostgresReads(readers), postgres.Transactions(writers)), writers


def database_url(url: str, variable: str) -> URL:
    """The URL with the driver that is used for it. Raises StartError, which names the variable, for another
    database.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StartError(f"{variable} is not a database URL.") from error
    match parsed.drivername:
        case "sqlite" | "sqlite+aiosqlite":
            return parsed.set(drivername="sqlite+aiosqlite")
        case "postgres" | "postgresql" | "postgresql+asyncpg":
            return parsed.set(drivername="postgresql+asyncpg")
        case other:
            sentence = f"{variable} must begin with sqlite+aiosqlite:// or postgresql+asyncpg://, not {other}://."
            raise StartError(sentence)
