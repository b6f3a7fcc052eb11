"""How long usage is kept."""

import asyncio
import logging

from voicebox_sql.clock import Clock

from voicebox_accounts.store.retention import ROWS, RetentionStore

log = logging.getLogger(__name__)

DAY_US = 86_400_000_000
COUNTED_DAYS = 7
"""Of the counts of limits, of which only today's are asked for: work that ends late still changes the day on which it
was reserved.
"""
SWEEP_SECONDS = 3600.0


class Retention:
    """Removes usage that is older than `usage_days` days; with 0 it is kept for ever."""

    def __init__(self, store: RetentionStore, usage_days: int, clock_us: Clock) -> None:
        self._store, self._usage_days, self._clock_us = store, usage_days, clock_us

    async def sweep(self) -> None:
        """Remove it now, and every hour. Never ends."""
        while True:
            await self.sweep_once()
            await asyncio.sleep(SWEEP_SECONDS)

    async def sweep_once(self) -> int:
        """As `sweep`, once; how many pieces of work were removed."""
        today, total = self._clock_us() // DAY_US, 0
        await self._store.remove_counts(today - COUNTED_DAYS)
        while self._usage_days:
            removed = await self._store.remove_usage(today - self._usage_days)
            total += removed
            if removed < ROWS:
                break
        if total:
            log.info("%d rows of usage are removed: they are older than %d days", total, self._usage_days)
        return total
