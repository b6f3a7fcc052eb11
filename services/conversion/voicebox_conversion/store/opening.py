"""Opens the database of voice models."""

from contextlib import AbstractAsyncContextManager

from voicebox_sql import database
from voicebox_sql.database import Database, Pool

from .migrations import MIGRATIONS

VARIABLE = "CONVERSION_DATABASE_URL"


def open_database(url: str, pool: Pool | None = None) -> AbstractAsyncContextManager[Database]:
    """The database at a SQLAlchemy URL, migrated to today's tables. Raises StartError when it cannot be used."""
    return database.open_database(database.database_url(url, VARIABLE), MIGRATIONS, pool or Pool())
