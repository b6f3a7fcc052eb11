"""What must be true of a catalog's folder whatever happened to the process."""

import contextlib
import sqlite3


def check_folder(folder):
    """The database is whole, each row has its blob, and nothing is half written."""
    with contextlib.closing(sqlite3.connect(folder / "catalog.sqlite")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        database.execute("INSERT INTO generation_search(generation_search) VALUES ('integrity-check')")
        rows = (
            "SELECT blob, size_bytes FROM generations WHERE blob <> '' UNION ALL SELECT original_blob, size_bytes FROM "
            "samples"
        )
        for blob, size_bytes in database.execute(rows):
            assert (folder / "blobs" / blob).stat().st_size == size_bytes
        for (blob,) in database.execute("SELECT normalized_blob FROM samples"):
            assert (folder / "blobs" / blob).exists()
        counts = "SELECT (SELECT count(*) FROM generations), (SELECT count(*) FROM generation_search)"
        generations, indexed = database.execute(counts).fetchone()
        assert generations == indexed
    assert not list((folder / "blobs" / "staged").iterdir())
