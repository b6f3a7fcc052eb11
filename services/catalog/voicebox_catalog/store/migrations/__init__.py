"""The revisions of the catalog's tables. The search index is rebuilt from the rows after each upgrade."""

from pathlib import Path

from voicebox_sql.migrations import Migrations

from voicebox_catalog.store import search_index

MIGRATIONS = Migrations(Path(__file__).parent, search_index.rebuild, unversioned="0001")
