"""Delivers to accounts what jobs used: any worker does it, also for one that died, and each piece counts once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from voicebox_kit.errors import VoiceboxError

from voicebox_jobs.state import Counted
from voicebox_jobs.store.usage import UsageStore

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
AWAY_SECONDS = 10.0


async def deliver_usage(store: UsageStore, record: Callable[[Counted], Awaitable[None]]) -> None:
    """Deliver what waits, oldest first. Never ends."""
    while True:
        try:
            for each in await store.waiting():
                await record(each)
                await store.forget([each.work_id])
        except VoiceboxError as error:
            log.warning("what jobs used waits in the database: %s", error.sentence)
            await asyncio.sleep(AWAY_SECONDS)
        await asyncio.sleep(LOOK_SECONDS)
