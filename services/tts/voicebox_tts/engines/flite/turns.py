"""Who may work now, when more want to than there are cores: the most urgent first."""

import threading
from collections.abc import Callable

Urgency = tuple[int, float]
"""The least is the most urgent."""


class Place:
    """One asker, who may ask again and again. Used by one thread, but for `call_off`. `urgency` is asked whenever a
    turn is free.
    """

    def __init__(self, urgency: Callable[[], Urgency]) -> None:
        self.urgency = urgency
        self.called = threading.Semaphore(0)
        self.left = False
        self.has_turn = False


class Turns:
    """`most` turns at once. Of those who wait the most urgent is called, of equals who asked first; another thread may
    call any off.
    """

    def __init__(self, most: int) -> None:
        self._lock = threading.Lock()
        self._free = most
        self._line: list[Place] = []

    def take(self, place: Place) -> bool:
        """Wait for a turn; False, at once, when the place was called off."""
        with self._lock:
            if place.left:
                return False
            if self._free:
                self._free -= 1
                place.has_turn = True
                return True
            self._line.append(place)
        place.called.acquire()
        return place.has_turn

    def pass_on(self, place: Place) -> None:
        """Hand the turn on, if the place has one."""
        with self._lock:
            if not place.has_turn:
                return
            place.has_turn = False
            if not self._line:
                self._free += 1
                return
            following = min(self._line, key=lambda waiting: waiting.urgency())
            self._line.remove(following)
            following.has_turn = True
            following.called.release()

    def call_off(self, place: Place) -> None:
        """Let a waiting place leave the line, and refuse its next `take`. Who has a turn keeps it until it is passed
        on.
        """
        with self._lock:
            place.left = True
            if place in self._line:
                self._line.remove(place)
                place.called.release()
