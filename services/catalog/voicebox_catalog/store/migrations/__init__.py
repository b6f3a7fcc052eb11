"""Brings a database to today's tables: Alembic's revisions, and the search index, which is made anew from the rows."""

from functools import cache
from pathlib import Path

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine
from voicebox_kit.errors import StartError

from voicebox_catalog.store import search_index

BEFORE_ALEMBIC = "0001"
"""Databases of the first version have these tables, and a table `schema_version` that says 1."""

LOCK = 0x766F6963
"""PostgreSQL's advisory lock of whoever migrates; any number that all replicas agree on."""


async def upgrade(writers: AsyncEngine, target: str = "head") -> tuple[str, ...]:
    """Run the revisions that are missing, all in one transaction, and tell them: of several processes one does, the
    others wait.

    Raises StartError when the database is of a revision that this program does not know.
    """
    async with writers.begin() as connection:
        return await connection.run_sync(_upgrade, target)


@cache
def revisions() -> tuple[str, ...]:
    """All revisions that this program knows, oldest first."""
    return tuple(script.revision for script in reversed(list(ScriptDirectory.from_config(_config()).walk_revisions())))


def _upgrade(connection: Connection, target: str) -> tuple[str, ...]:
    _lock(connection)
    before, known = _revision(connection), revisions()
    if before is not None and before not in known:
        raise StartError(
            f"The catalog's database has revision {before}; this program knows {known[-1]}, and is too old for it."
        )
    if before == (known[-1] if target == "head" else target):
        return ()
    config = _config()
    config.attributes["connection"] = connection
    if before == BEFORE_ALEMBIC:
        command.stamp(config, BEFORE_ALEMBIC)
    command.upgrade(config, target)
    if target == "head":
        search_index.rebuild(connection)
    first = known.index(before) + 1 if before else 0
    return known[first : known.index(_revision(connection) or "") + 1]


def _lock(connection: Connection) -> None:
    """In SQLite the transaction began IMMEDIATE, and is the lock."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # an index of a million rows takes its time
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")


def _revision(connection: Connection) -> str | None:
    """Which revision the database has; None for an empty one."""
    found = MigrationContext.configure(connection).get_current_revision()
    if found is None and sqlalchemy.inspect(connection).has_table("schema_version"):
        return BEFORE_ALEMBIC
    return found


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
