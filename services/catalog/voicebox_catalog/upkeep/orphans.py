"""Deletes blobs that no row holds: a process that is killed between a blob and its row leaves one."""

import logging
from datetime import UTC, datetime, timedelta

from voicebox_blobs.blobs import Blobs
from voicebox_sql.database import Database

from voicebox_catalog.store import blob_rows

log = logging.getLogger(__name__)

AGE = timedelta(hours=1)
"""Younger ones may belong to an upload that is under way, also in another process."""


async def sweep(blobs: Blobs, database: Database, now: datetime | None = None) -> int:
    """Delete the orphans that are older than AGE, and return how many."""
    count = 0
    before = (now or datetime.now(UTC)) - AGE
    async for files in blobs.stored():
        names = [file.name for file in files if file.written < before]
        orphans = set(names) - await blob_rows.held(database, names)
        await blobs.delete(*orphans)
        count += len(orphans)
    if count:
        log.info("%d blobs without a row were deleted", count)
    return count
