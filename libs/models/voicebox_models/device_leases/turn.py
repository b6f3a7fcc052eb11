"""A job's turn on a device that it shares: it ends where calls begin, and goes on when they have ended."""

import time
from collections.abc import Callable

from .folder import DeviceLeases

POLL_SECONDS = 0.1
SHARE = 5
"""A job that has waited as long as it may works for this part of that time, whatever else happens."""


class SharedTurn:
    """As trainer.Turn. It gives way for `longest_seconds` at most at a time. `began` is called with the name of who
    uses the device, `ended` with the seconds that it took.
    """

    def __init__(
        self,
        leases: DeviceLeases,
        longest_seconds: float,
        began: Callable[[str], None],
        ended: Callable[[float], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._leases, self._longest_seconds = leases, longest_seconds
        self._began, self._ended, self._clock, self._sleep = began, ended, clock, sleep
        self._own_until = float("-inf")

    def give(self, save: Callable[[], None]) -> None:
        if self._clock() < self._own_until or not (caller := self._caller()):
            return
        save()
        self._began(caller)
        since = self._clock()
        while self._caller() and self._clock() - since < self._longest_seconds:
            self._sleep(POLL_SECONDS)
        now = self._clock()
        if now - since >= self._longest_seconds:
            self._own_until = now + self._longest_seconds / SHARE
        self._ended(now - since)

    def _caller(self) -> str:
        """A service that answers calls on the device now; empty when there is none."""
        return next((each.holder for each in self._leases.others() if each.is_busy), "")
