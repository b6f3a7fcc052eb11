"""The revisions of conversion's tables."""

from pathlib import Path

from sqlalchemy import Connection
from voicebox_sql.migrations import Migrations

VERSION_TABLE = "conversion_version"


def _nothing(_connection: Connection) -> None:
    """Nothing is rebuilt after an upgrade."""


MIGRATIONS = Migrations(Path(__file__).parent, _nothing, version_table=VERSION_TABLE)
