"""Deletes files that no voice model has: a process that is killed between a file and its row leaves one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from voicebox_blobs.blobs import Blobs
from voicebox_sql.clock import Clock

from .voice_models import VoiceModelStore

log = logging.getLogger(__name__)

AGE = timedelta(hours=1)
"""Younger ones may belong to an import that is under way, also in another process."""
INTERVAL_SECONDS = 3600.0


async def sweep(blobs: Blobs, store: VoiceModelStore, time_us: int) -> int:
    """Delete the files without a voice model that are older than AGE, and return how many; forget old deletions."""
    count, before = 0, datetime.fromtimestamp(time_us / 1_000_000, UTC) - AGE
    async for files in blobs.stored():
        names = [file.name for file in files if file.written < before]
        orphans = set(names) - await store.held(names)
        await blobs.delete(*orphans)
        count += len(orphans)
    await store.forget(time_us)
    if count:
        log.info("%d files without a voice model were deleted", count)
    return count


async def sweep_for_ever(
    blobs: Blobs, store: VoiceModelStore, clock: Clock, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Sweep now and every INTERVAL_SECONDS."""
    while True:
        await sweep(blobs, store, clock())
        await sleep(INTERVAL_SECONDS)
