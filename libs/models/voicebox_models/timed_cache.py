"""A value that is computed at most every half second: a list that takes many looks at the disk."""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

TTL_SECONDS = 0.5
"""A folder that a person adds or removes is seen after this time; what this process changes is seen at once."""


class TimedCache(Generic[T]):
    """Caches what `make` returned, for TTL_SECONDS of `clock` or until it is forgotten."""

    def __init__(self, make: Callable[[], T], clock: Callable[[], float]) -> None:
        self._make, self._clock = make, clock
        self._cached: tuple[float, T] | None = None

    def get(self) -> T:
        """The value."""
        now = self._clock()
        if self._cached is None or now - self._cached[0] >= TTL_SECONDS:
            self._cached = now, self._make()
        return self._cached[1]

    def forget(self) -> None:
        """Compute it again at the next call."""
        self._cached = None
