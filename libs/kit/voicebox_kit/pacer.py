"""Keeps a stream only a few seconds ahead of real time, since gRPC's flow control does not.

A client that stops reading lets gRPC buffer 6.3 MB, which is 130 s of 24 kHz speech; all of it would have been made for
nothing when the listener interrupts.
"""

import time
from collections.abc import Callable


class Pacer:
    """One stream's pace. The clock starts with the first piece."""

    def __init__(self, ahead_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._ahead_seconds = ahead_seconds
        self._clock = clock
        self._began: float | None = None
        self._sent_seconds = 0.0

    def delay_seconds(self, sent_seconds: float) -> float:
        """How long to wait before the next piece, after `sent_seconds` of audio were sent in all."""
        now = self._clock()
        if self._began is None:
            self._began = now
        self._began = max(
            self._began, now - self._sent_seconds
        )  # a listener who has played everything waits: silence adds no lead
        self._sent_seconds = sent_seconds
        return max(0.0, sent_seconds - self._ahead_seconds - (now - self._began))
