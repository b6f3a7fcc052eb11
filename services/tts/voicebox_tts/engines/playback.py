"""How urgent a stream's next audio is."""

from collections.abc import Callable

from .priority_semaphore import Priority

SAFE_SECONDS = 2.0
"""A stream with less audio left to play has priority over one that begins, so that it has no gap: the next piece may
take some tenths of a second.
"""


class Playback:
    """Until when a stream's audio lasts, in seconds of the clock, if it is played from its first sample on."""

    def __init__(self, clock: Callable[[], float], rate_hz: int) -> None:
        self._clock, self._rate = clock, rate_hz
        self._until = self._requested = self._opened = clock()
        self._is_playing = False

    def begin(self) -> None:
        """A piece is requested. A stream that has nothing left to play begins anew."""
        self._is_playing = self._is_playing and self._until > self._clock()
        self._requested = self._clock()

    def add(self, samples: int) -> None:
        """More audio was made."""
        if not self._is_playing:
            self._until, self._is_playing = self._clock(), True
        self._until += samples / self._rate

    def priority(self) -> Priority:
        """First a stream that plays and will soon have nothing left, then one that begins, then, of those that have
        enough, the oldest.
        """
        if not self._is_playing:
            return 1, self._requested
        return (0, self._until) if self._until < self._clock() + SAFE_SECONDS else (2, self._opened)
