"""The time of day."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Answers microseconds since 1970."""


def now_us() -> int:
    """The time of this machine."""
    return time.time_ns() // 1000
