"""The progress of a download."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a download is; `bytes_total` is 0 while it is not known."""

    bytes_done: int
    bytes_total: int


Report = Callable[[Progress], None]
"""Told of progress from the thread that downloads. What it raises ends the download: that is how one is cancelled."""
