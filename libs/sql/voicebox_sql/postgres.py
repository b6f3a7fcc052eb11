"""PostgreSQL: its connections, and transactions side by side."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from voicebox_kit.errors import StartError, Unavailable

from .errors import connecting, translated

T = TypeVar("T")

# Which plan is good for a search depends on how common its words are: one plan for all of them takes seconds for some.
# Pages are read from memory or flash, in any order at about the same cost; compiling a query takes longer than ours
# run.
_PLANS = {"plan_cache_mode": "force_custom_plan", "random_page_cost": "1.1", "jit": "off"}

POOL_SECONDS = 10.0
"""How long a call waits for a connection of the pool."""
ANSWER_SECONDS = 5.0
"""How much longer than the longest statement a connection may be silent before it counts as lost."""
RETRY_SECONDS = 0.5


@asynccontextmanager
async def engines(
    url: URL, connections: int, statement_seconds: float, connect_seconds: float
) -> AsyncIterator[tuple[AsyncEngine, AsyncEngine]]:
    """The engine of the readers and the one of the writers; both share a pool of `connections`.

    Raises StartError when the database does not answer for `connect_seconds`, or refuses.
    """
    settings = {
        "application_name": "voicebox",
        "statement_timeout": str(round(1000 * statement_seconds)),
        **_PLANS,
    }
    arguments = {
        "server_settings": settings,
        "timeout": POOL_SECONDS,
        "command_timeout": statement_seconds + ANSWER_SECONDS,
    }
    writers = create_async_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
        pool_pre_ping=True,  # 0.2 ms here; a database that was restarted since costs no call its answer
        connect_args=arguments,
        hide_parameters=True,  # they are what users say
    )
    # One snapshot for all that a call reads, as in SQLite.
    readers = writers.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    try:
        await _connect(writers, connect_seconds)
        yield readers, writers
    finally:
        await writers.dispose()


class PostgresReads:
    """Runs each work in a transaction of its own that cannot write."""

    def __init__(self, readers: AsyncEngine) -> None:
        self._readers = readers

    async def run(self, work: Callable[[Session], T]) -> T:
        async with AsyncSession(self._readers, expire_on_commit=False) as session:
            with connecting():
                await session.connection()
            return await session.run_sync(work)


class Transactions:
    """Runs each work in a transaction of its own; PostgreSQL itself lets those that commit together share an fsync."""

    def __init__(self, writers: AsyncEngine) -> None:
        self._writers = writers

    def is_in_place(self) -> bool:
        """Always: each connection goes to the server at its address."""
        return True

    async def run(self, work: Callable[[AsyncSession], Awaitable[Any]]) -> Any:
        """Run `work` and commit; on an error it is rolled back."""
        async with AsyncSession(self._writers, expire_on_commit=False) as session, session.begin():
            with connecting():
                await session.connection()
            return await work(session)


async def _connect(engine: AsyncEngine, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with connecting():
                async with engine.connect():
                    return
        except Exception as error:  # the driver has errors of its own for what is wrong in a URL
            away = isinstance(translated(error), Unavailable)
            if not away or time.monotonic() + RETRY_SECONDS > deadline:
                raise StartError(f"The database cannot be used: {_message(error)}.") from error
        await asyncio.sleep(RETRY_SECONDS)


def _message(error: Exception) -> str:
    """The message of the database or the system, on one line, without the password that SQLAlchemy never shows."""
    return str(getattr(error, "orig", None) or error.__cause__ or error).split("\n")[0].rstrip(".")
