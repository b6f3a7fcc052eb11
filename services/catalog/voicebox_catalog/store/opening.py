"""Opens the catalog's database."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine
from voicebox_kit.errors import StartError
from voicebox_sql import database
from voicebox_sql.database import Database, Pool

from .migrations import MIGRATIONS

VARIABLE = "CATALOG_DATABASE_URL"


def open_database(url: str, pool: Pool | None = None) -> AbstractAsyncContextManager[Database]:
    """The database at a SQLAlchemy URL, migrated to today's tables. Raises StartError when it cannot be used."""
    return database.open_database(database_url(url), MIGRATIONS, pool or Pool())


def connected(url: str, pool: Pool) -> AbstractAsyncContextManager[tuple[Database, AsyncEngine]]:
    """The database as it is, and the engine of its writers."""
    return database.connected(database_url(url), pool)


def database_url(url: str) -> URL:
    """The URL with the driver that is used for it. Raises StartError for another database."""
    return database.database_url(url, VARIABLE)


def refuse_absent(url: str) -> None:
    """Raises StartError when SQLite would create a new file: a command run in the wrong folder must not create a
    catalog there.
    """
    parsed = database_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists():
        raise StartError(f"There is no catalog at {parsed.database}: VOICEBOX_DATA or {VARIABLE} says where it is.")
