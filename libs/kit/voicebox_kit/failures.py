"""Notices that calls fail one after the other, and an event loop that is late: what health then says is the truth."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from .errors import Unavailable, VoiceboxError

MAX_IN_A_ROW = 3
LATE_SECONDS, LATE_FOR_SECONDS = 2.0, 10.0
TICK_SECONDS = 0.5


class Failures:
    """The calls that failed in a row, without any success between them."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._changed = asyncio.Event()

    def succeeded(self) -> None:
        """A call ended well, or a piece of its work did."""
        self._in_a_row = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Counts how the block ends. A refusal, and a caller who leaves, say nothing about the work."""
        try:
            yield
        except VoiceboxError:
            raise
        except Exception:
            self._in_a_row += 1
            self._changed.set()
            raise
        self.succeeded()

    async def watch(self) -> None:
        """Raises Unavailable("KEEPS_FAILING") once MAX_IN_A_ROW calls failed; called again, one more is enough. It is
        a vital task of `background`, which then is not healthy until it ran steadily for a while.
        """
        while self._in_a_row < MAX_IN_A_ROW:
            self._changed.clear()
            await self._changed.wait()
        failed, self._in_a_row = self._in_a_row, MAX_IN_A_ROW - 1
        raise Unavailable("KEEPS_FAILING", f"{failed} calls failed one after the other.")


async def watch_event_loop(
    clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Raises Unavailable("EVENT_LOOP_LATE") when timers ran more than LATE_SECONDS late for LATE_FOR_SECONDS."""
    late_since: float | None = None
    while late_since is None or clock() - late_since < LATE_FOR_SECONDS:
        due = clock() + TICK_SECONDS
        await sleep(TICK_SECONDS)
        if clock() - due <= LATE_SECONDS:
            late_since = None
        elif late_since is None:
            late_since = due
    raise Unavailable(
        "EVENT_LOOP_LATE", f"The event loop was late by over {LATE_SECONDS:g} s for {LATE_FOR_SECONDS:g} s."
    )
