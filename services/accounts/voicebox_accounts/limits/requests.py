"""Requests a minute: each replica takes blocks of them from the database, and counts in memory."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from voicebox_kit.errors import Exhausted

from voicebox_accounts.effective_limits import Limit
from voicebox_accounts.store.minutes import MinuteStore

BLOCKS_A_MINUTE = 20
"""Each block is this part of the limit. A replica may hold some of a block that another one lacks, never too many."""
MINUTE_SECONDS = 60


@dataclass(frozen=True)
class RequestsLeft:
    """Of a minute: the limit, what is left of it as far as this replica knows, and when the next minute begins."""

    maximum: int
    left: int
    reset_seconds: float


@dataclass
class _Block:
    """Requests of a minute that this replica may still admit."""

    minute: int
    left: int = 0
    taken_by_all: int = 0


class RequestMeter:
    """Counts the requests of each subject with a limit."""

    def __init__(self, store: MinuteStore, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock
        self._blocks: dict[str, _Block] = {}

    async def take(self, limit: Limit | None) -> RequestsLeft | None:
        """Count a request. Raises Exhausted("REQUESTS_EXHAUSTED") when the minute has no more."""
        if limit is None:
            return None
        now = self._clock()
        minute, reset_seconds = int(now // MINUTE_SECONDS), MINUTE_SECONDS - now % MINUTE_SECONDS
        block = self._block(limit.subject, minute)
        if block.left == 0:
            await self._refill(block, limit)
        if block.left == 0:
            sentence = f"More than {limit.maximum} requests in a minute: try again in {reset_seconds:.0f} s."
            raise Exhausted("REQUESTS_EXHAUSTED", sentence, reset_seconds)
        block.left -= 1
        return RequestsLeft(limit.maximum, limit.maximum - block.taken_by_all + block.left, reset_seconds)

    def _block(self, subject: str, minute: int) -> _Block:
        block = self._blocks.get(subject)
        if block is None or block.minute != minute:
            self._blocks = {name: each for name, each in self._blocks.items() if each.minute == minute}
            block = self._blocks[subject] = _Block(minute)
        return block

    async def _refill(self, block: _Block, limit: Limit) -> None:
        wanted = max(1, limit.maximum // BLOCKS_A_MINUTE)
        got, taken_by_all = await self._store.take(limit.subject, block.minute, wanted, limit.maximum)
        block.left += got
        block.taken_by_all = taken_by_all
