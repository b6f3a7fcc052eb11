"""Which blobs the rows hold."""

from collections.abc import Sequence

from sqlalchemy import select, union_all
from voicebox_sql.database import Database

from .tables import Generation

COLUMNS = [
    column
    for table in Generation.metadata.sorted_tables
    for column in table.columns
    if column.name == "blob" or column.name.endswith("_blob")
]
"""Every column that names a blob: so that no new table is forgotten and its files deleted as orphans."""


async def held(database: Database, names: Sequence[str]) -> set[str]:
    """Those of the blobs that a row holds."""
    statements = [select(column).where(column.in_(names)) for column in COLUMNS]
    async with database.reading() as session:
        return set((await session.scalars(union_all(*statements))).all())
