"""The progress of a download."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a download is; `bytes_total` is 0 while it is not known."""

    bytes_done: int
    bytes_total: int


class TotalProgress:
    """Adds up the progress of parts that are downloaded one after the other: a part's size is known when it begins."""

    def __init__(self, report: "Report") -> None:
        self._report = report
        self._before = self._now = Progress(0, 0)

    def next_part(self) -> None:
        """The next one begins."""
        self._before = self._now

    def __call__(self, of_part: Progress) -> None:
        self._now = Progress(
            self._before.bytes_done + of_part.bytes_done, self._before.bytes_total + of_part.bytes_total
        )
        self._report(self._now)


Report = Callable[[Progress], None]
"""Told of progress from the thread that downloads. What it raises ends the download: that is how one is cancelled."""
