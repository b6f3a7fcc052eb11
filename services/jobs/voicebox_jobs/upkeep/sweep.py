"""Deletes what is older than the retention, and files without a row."""

import logging
from datetime import UTC, datetime, timedelta

from voicebox_blobs.blobs import Blobs
from voicebox_sql.leases import Leases

from voicebox_jobs.store.inputs import Upkeep

log = logging.getLogger(__name__)

LEASE = "sweep"
ORPHAN_AGE = timedelta(days=2)
"""Younger files may belong to a job that has not written their row: a batch may take a day."""


async def sweep(leases: Leases, upkeep: Upkeep, blobs: Blobs, retention_us: int) -> None:
    """One round, in the one process that has the lease."""
    while await leases.acquire(LEASE):
        deleted = await upkeep.delete_old(retention_us)
        if not (deleted.jobs or deleted.inputs):
            break
        await blobs.delete(*deleted.blobs)
        log.info("%d jobs and %d inputs were older than the retention", deleted.jobs, deleted.inputs)
    if await leases.acquire(LEASE):
        await delete_orphans(upkeep, blobs)


async def delete_orphans(upkeep: Upkeep, blobs: Blobs, now: datetime | None = None) -> int:
    """Delete files that no row holds, and return how many: a process that is killed between a file and its row leaves
    one.
    """
    count, before = 0, (now or datetime.now(UTC)) - ORPHAN_AGE
    async for files in blobs.stored():
        names = [file.name for file in files if file.written < before]
        orphans = set(names) - await upkeep.held(names)
        await blobs.delete(*orphans)
        count += len(orphans)
    return count
