"""A list that is asked for at every call and takes many looks at the disk: made again when it is old, or may have
changed.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

TTL_SECONDS = 0.5
"""A folder that a person adds or removes is seen so much later at most; what this process changes is seen at once."""


class TimedCache(Generic[T]):
    """What `make` gave last, for TTL_SECONDS of `clock` or until it is forgotten."""

    def __init__(self, make: Callable[[], T], clock: Callable[[], float]) -> None:
        self._make, self._clock = make, clock
        self._kept: tuple[float, T] | None = None

    def get(self) -> T:
        """The list."""
        now = self._clock()
        if self._kept is None or now - self._kept[0] >= TTL_SECONDS:
            self._kept = now, self._make()
        return self._kept[1]

    def forget(self) -> None:
        """Make it anew when it is next asked for."""
        self._kept = None
