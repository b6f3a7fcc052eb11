"""Deletes on a schedule what is no longer needed: by retention rules, deleted profiles after their time, blobs without
a row.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_blobs.blobs import Blobs
from voicebox_kit.background import Background
from voicebox_kit.errors import VoiceboxError
from voicebox_sql.clock import Clock
from voicebox_sql.database import Database
from voicebox_sql.leases import Leases

from voicebox_catalog.api.profiles import purge
from voicebox_catalog.api.retention import Retention
from voicebox_catalog.store.profiles import ProfileStore

from . import orphans
from .clock_check import ClockCheck

log = logging.getLogger(__name__)

LEASE = "sweep"


@dataclass(frozen=True)
class Sweep:
    """One round of it, in the one replica that has the lease."""

    leases: Leases
    retention: Retention
    profiles: ProfileStore
    blobs: Blobs
    database: Database
    interval_seconds: float
    clock: Clock

    async def run(self) -> bool:
        """Whether this replica did it, and to the end: another may take over while it runs, and a clock that jumped is
        not believed. All is done by the time that was checked, since the clock may jump while it runs, too.
        """
        if not await self.leases.acquire(LEASE):
            return False
        time_us = await ClockCheck(self.database, LEASE, self.interval_seconds, self.clock).trusted_time_us()
        if time_us is None:
            return False
        for owner in [None, *await self.retention.owners()]:
            if not await self.leases.acquire(LEASE):
                return False
            if owner is not None:
                await self.retention.apply(pb.ApplyRetentionRequest(force=True), owner, time_us)
        purged = await purge(self.profiles, self.blobs, time_us)
        if purged:
            log.info("%d files of deleted profiles were purged", purged)
        if not await self.leases.acquire(LEASE):
            return False
        await orphans.sweep(self.blobs, self.database)
        await self.database.reserve_space()
        return True


@asynccontextmanager
async def sweeping(
    sweep: Sweep, background: Background, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> AsyncIterator[None]:
    """Sweeps now and every `interval_seconds`, in the background, until the block ends."""
    try:
        async with background.running("sweep", partial(_repeat, sweep, sleep)):
            yield
    finally:
        with suppress(VoiceboxError):  # a full disk, or a database that is away: then its time runs out
            await sweep.leases.release(LEASE)


async def _repeat(sweep: Sweep, sleep: Callable[[float], Awaitable[None]]) -> None:
    while True:
        await sweep.run()
        await sleep(sweep.interval_seconds)
