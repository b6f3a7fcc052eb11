"""A lock that is handed over in the order of asking."""

import threading
from collections import deque


class Place:
    """One asker's place in the line."""

    def __init__(self) -> None:
        self.called = threading.Semaphore(0)
        self.left = False


class Turns:
    """One at a time, first come first served; whoever waits can be called off by another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: Place | None = None
        self._line: deque[Place] = deque()

    def take(self, place: Place) -> bool:
        """Wait for the turn; False, at once, when the place was called off."""
        with self._lock:
            if place.left:
                return False
            if self._holder is None:
                self._holder = place
                return True
            self._line.append(place)
        place.called.acquire()
        return self._holder is place

    def pass_on(self) -> None:
        """Hand the turn to the next in line. Only its holder may call this."""
        with self._lock:
            self._holder = self._line.popleft() if self._line else None
            if self._holder:
                self._holder.called.release()

    def wanted(self) -> bool:
        """Whether anybody waits."""
        return bool(self._line)

    def call_off(self, place: Place) -> None:
        """Let a waiting place leave the line, and refuse its next `take`. The holder keeps the turn until it passes it on."""
        with self._lock:
            place.left = True
            if place in self._line:
                self._line.remove(place)
                place.called.release()
