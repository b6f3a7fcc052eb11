"""Work as services report it: reserved, renewed, recorded; and ended where its process went away."""

import asyncio
import logging

from voicebox_kit.principal import Principal
from voicebox_sql.clock import Clock

from voicebox_accounts.effective_limits import effective
from voicebox_accounts.store.limits import LimitStore
from voicebox_accounts.store.work import Used, WorkItem, WorkStore

log = logging.getLogger(__name__)

LIFETIME_SECONDS = 120.0
"""Of a reservation that is not renewed; services do so every 40 s, and with each 10 s of audio."""
SWEEP_SECONDS = 10.0
US = 1_000_000


class Ledger:
    """The work of all owners."""

    def __init__(self, work: WorkStore, limits: LimitStore, clock_us: Clock) -> None:
        self._work, self._limits, self._clock_us = work, limits, clock_us

    async def reserve(self, work_id: str, caller: Principal, kind: int, amounts: Used, request_id: str) -> None:
        """Raises Exhausted when a limit does not allow it."""
        item, now_us = WorkItem(work_id, caller.owner, caller.key, kind, request_id), self._clock_us()
        limits = effective(item.subjects, await self._limits.of(item.subjects))
        await self._work.reserve(item, amounts, limits, now_us, now_us + round(LIFETIME_SECONDS * US))

    async def renew(self, work_id: str, caller: Principal, amounts: Used, used: Used) -> None:
        """As `reserve`."""
        item, now_us = WorkItem(work_id, caller.owner, caller.key, 0, ""), self._clock_us()
        limits = effective(item.subjects, await self._limits.of(item.subjects))
        await self._work.renew(item, amounts, used, limits, now_us, now_us + round(LIFETIME_SECONDS * US))

    async def record(self, item: WorkItem, model: str, used: Used, end_us: int) -> None:
        """Settle a piece of work."""
        await self._work.record(item, model, used, end_us)

    async def sweep(self) -> None:
        """Settle what was neither renewed nor recorded in time, by what it last reported. Never ends."""
        while True:
            await self.sweep_once()
            await asyncio.sleep(SWEEP_SECONDS)

    async def sweep_once(self) -> int:
        """As `sweep`, once; how many there were."""
        gone = await self._work.expired(self._clock_us())
        for row in gone:
            item = WorkItem(row.work_id, row.owner, row.key, row.kind, row.request_id)
            used = Used(row.used_characters, row.used_audio_ms)
            await self._work.record(item, "", used, row.until_us, is_final=False)
            log.warning("the work %s of %s ended without a word", row.work_id, row.owner)
        return len(gone)
