"""Who may work now, when more want to than there are cores: first whose sound is needed first."""

import heapq
import itertools
import threading


class Place:
    """One asker, who may ask again and again. Used by one thread, but for `call_off`."""

    def __init__(self) -> None:
        self.called = threading.Semaphore(0)
        self.left = False
        self.has_turn = False


class Turns:
    """`most` turns at once. Those who wait are called by their deadline, the earliest first; another thread may call any of them off."""

    def __init__(self, most: int) -> None:
        self._lock = threading.Lock()
        self._free = most
        self._order = itertools.count()
        self._line: list[tuple[float, int, Place]] = []

    def take(self, place: Place, deadline: float) -> bool:
        """Wait for a turn, by the second at which its work is needed; False, at once, when the place was called off."""
        with self._lock:
            if place.left:
                return False
            if self._free:
                self._free -= 1
                place.has_turn = True
                return True
            heapq.heappush(self._line, (deadline, next(self._order), place))
        place.called.acquire()
        return place.has_turn

    def pass_on(self, place: Place) -> None:
        """Hand the turn on, if the place has one."""
        with self._lock:
            if not place.has_turn:
                return
            place.has_turn = False
            if self._line:
                following = heapq.heappop(self._line)[2]
                following.has_turn = True
                following.called.release()
            else:
                self._free += 1

    def call_off(self, place: Place) -> None:
        """Let a waiting place leave the line, and refuse its next `take`. Who has a turn keeps it until it is passed on."""
        with self._lock:
            place.left = True
            waiting = [entry for entry in self._line if entry[2] is place]
            if waiting:
                self._line.remove(waiting[0])
                heapq.heapify(self._line)
                place.called.release()
