"""How long an attempt of a job may still take."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Allowance:
    """It stands still while the job waits for its device, or gives way to calls."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = clock() + seconds
        self._paused_at: float | None = None

    @property
    def seconds(self) -> float:
        """What is left of it."""
        now = self._clock() if self._paused_at is None else self._paused_at
        return max(0.0, self._until - now)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It stands still until the block ends."""
        self._paused_at = self._clock()
        try:
            yield
        finally:
            self._until += self._clock() - self._paused_at
            self._paused_at = None
