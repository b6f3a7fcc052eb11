"""Brings a database to today's tables by Alembic's revisions, all in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass
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

LOCK = 0x766F6963
"""The advisory lock of PostgreSQL that whoever migrates holds; any number that all replicas agree on."""


@dataclass(frozen=True)
class Migrations:
    """The revisions of one service's tables.

    `folder` holds Alembic's `env.py` and `versions/`. `rebuild` runs after an upgrade to the newest revision, in the
    same transaction. `unversioned` is the revision of a database that has a table `schema_version` and was made before
    Alembic was used. `version_table` holds the database's revision: services that share a database have one each.
    """

    folder: Path
    rebuild: Callable[[Connection], None]
    unversioned: str | None = None
    version_table: str = "alembic_version"

    async def upgrade(self, writers: AsyncEngine, target: str = "head") -> tuple[str, ...]:
        """Run the missing revisions and return them. Of several processes one does the work, the others wait.

        Raises StartError when the database has a revision that this program does not know.
        """
        async with writers.begin() as connection:
            return await connection.run_sync(self._upgrade, target)

    def revisions(self) -> tuple[str, ...]:
        """All revisions that this program knows, oldest first."""
        return _revisions(self.folder)

    def _upgrade(self, connection: Connection, target: str) -> tuple[str, ...]:
        _lock(connection)
        before, known = self._revision(connection), self.revisions()
        if before is not None and before not in known:
            sentence = f"The database has revision {before}; this program knows {known[-1]}, and is too old for it."
            raise StartError(sentence)
        if before == (known[-1] if target == "head" else target):
            return ()
        config = _config(self.folder)
        config.attributes["connection"] = connection
        if before is not None and before == self.unversioned:
            command.stamp(config, before)
        command.upgrade(config, target)
        if target == "head":
            self.rebuild(connection)
        first = known.index(before) + 1 if before else 0
        return known[first : known.index(self._revision(connection) or "") + 1]

    def _revision(self, connection: Connection) -> str | None:
        """The database's revision; None when it is empty."""
        found = MigrationContext.configure(
            connection, opts={"version_table": self.version_table}
        ).get_current_revision()
        if found is None and self.unversioned and sqlalchemy.inspect(connection).has_table("schema_version"):
            return self.unversioned
        return found


@cache
def _revisions(folder: Path) -> tuple[str, ...]:
    return tuple(
        script.revision for script in reversed(list(ScriptDirectory.from_config(_config(folder)).walk_revisions()))
    )


def _config(folder: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config


def _lock(connection: Connection) -> None:
    """In SQLite the transaction began IMMEDIATE, and is the lock."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # an index of a million rows takes its time
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
