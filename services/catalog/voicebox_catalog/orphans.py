"""Deletes blobs that no row holds: a process that is killed between a blob and its row leaves one."""

import logging
from datetime import UTC, datetime, timedelta

from .blobs import Blobs
from .generation_store import GenerationStore
from .profile_store import ProfileStore

log = logging.getLogger(__name__)

AGE = timedelta(hours=1)
"""Younger ones may belong to an upload that is under way, also in another process."""


async def sweep(blobs: Blobs, profiles: ProfileStore, generations: GenerationStore, now: datetime | None = None) -> int:
    """Delete the orphans that are older than AGE; tells how many."""
    count = 0
    async for names in blobs.names_before((now or datetime.now(UTC)) - AGE):
        orphans = set(names) - await profiles.blobs_in_use(names) - await generations.blobs_in_use(names)
        await blobs.delete(*orphans)
        count += len(orphans)
    if count:
        log.info("%d blobs without a row were deleted", count)
    return count
