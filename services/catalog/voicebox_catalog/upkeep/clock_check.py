"""Whether the machine's clock may be believed when it says that something is old enough to be deleted.

A machine that starts without a time server, or a person who mistypes a year, sets the clock far ahead; a sweep would
then delete everything. After such a jump nothing is deleted until the clock has gone on steadily for a day: by then
somebody has set it right.
"""

import logging
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession
from voicebox_sql.clock import Clock
from voicebox_sql.database import Database

from voicebox_catalog.store.tables import ClockReading

log = logging.getLogger(__name__)

DAY_US = 86_400_000_000
"""Of jump, and of waiting. A catalog that was stopped for longer looks the same, and waits, too."""


@dataclass(frozen=True)
class ClockCheck:
    """Stores in the database when it last ran, under `name`; it runs every `interval_seconds`."""

    database: Database
    name: str
    interval_seconds: float
    clock: Clock

    async def trusted_time_us(self) -> int | None:
        """The time now, if the clock went on steadily since the last call; None for a day after it jumped ahead by more
        than a day.
        """
        now_us = self.clock()
        jump_us = max(DAY_US, round(3 * self.interval_seconds * 1_000_000))

        async def work(session: AsyncSession) -> ClockReading:
            reading = await session.get(ClockReading, self.name) or ClockReading(name=self.name, seen_us=now_us)
            if now_us - reading.seen_us > jump_us:
                reading.trusted_from_us = now_us + DAY_US
            elif now_us < reading.seen_us or (
                reading.trusted_from_us is not None and reading.trusted_from_us <= now_us
            ):
                reading.trusted_from_us = None  # it was set back, or has proved steady
            reading.seen_us = now_us
            session.add(reading)
            return reading

        reading = await self.database.write(work)
        if reading.trusted_from_us is None:
            return now_us
        hours = (reading.trusted_from_us - now_us) / 3_600_000_000
        log.warning("The clock is far ahead of the last sweep: nothing is deleted for the next %.1f h.", hours)
        return None
