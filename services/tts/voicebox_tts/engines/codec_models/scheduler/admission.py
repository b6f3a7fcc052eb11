"""Decides whether another stream may join the batch, by how long its frames take."""

from collections.abc import Callable
from dataclasses import dataclass

FRAME_SECONDS = 0.08
"""The audio of one frame."""

BUDGET_SECONDS = 0.8 * FRAME_SECONDS
"""What a frame of all streams may take: the rest is for streams that join, each of which has its text read first."""

SHARE_OF_THE_NEWEST = 0.1
"""How much one frame moves an estimate: chunks are decoded every eighth frame or so, and one slow frame says little."""

STALE_SECONDS = 10.0
"""An estimate for more streams than there are now is forgotten after this: what made them slow may have gone."""


@dataclass
class _Estimate:
    seconds: float
    measured_at: float


class Admission:
    """Measured seconds of a frame, by the number of streams. Used by one thread."""

    def __init__(self, rows: int, clock: Callable[[], float], budget_seconds: float = BUDGET_SECONDS) -> None:
        """`rows` is how many streams there is memory for."""
        self._rows, self._clock, self._budget_seconds = rows, clock, budget_seconds
        self._estimates: dict[int, _Estimate] = {}

    def measured(self, streams: int, seconds: float) -> None:
        """A frame of `streams` streams took `seconds`."""
        known = self._estimates.get(streams)
        before = known.seconds if known else seconds
        self._estimates[streams] = _Estimate(before + SHARE_OF_THE_NEWEST * (seconds - before), self._clock())

    def admits(self, streams: int) -> bool:
        """Whether one more may join `streams` of them.

        Where even one alone does not keep real time, refusing would shorten no wait: there it is up to the memory.
        """
        if streams >= self._rows:
            return False
        if streams == 0 or not self._keeps_real_time():
            return True
        return self._predicted(streams + 1) <= self._budget_seconds

    def _keeps_real_time(self) -> bool:
        """Whether one stream alone would: its frames take no longer than those of several."""
        return not self._estimates or min(each.seconds for each in self._estimates.values()) <= self._budget_seconds

    def _predicted(self, streams: int) -> float:
        """The seconds of a frame of `streams` streams: as measured, or by the line through the next smaller ones that
        are.
        """
        known = self._estimates.get(streams)
        if known and self._clock() - known.measured_at < STALE_SECONDS:
            return known.seconds
        smaller = sorted((number for number in self._estimates if number < streams), reverse=True)[:2]
        if not smaller:
            return 0.0
        nearest = self._estimates[smaller[0]].seconds
        if len(smaller) == 1:
            return nearest
        slope = (nearest - self._estimates[smaller[1]].seconds) / (smaller[0] - smaller[1])
        return nearest + max(slope, 0.0) * (streams - smaller[0])
