"""A semaphore whose waiters have priorities that change while they wait."""

import threading
from collections.abc import Callable

Priority = tuple[int, float]
"""The least is the most urgent."""


class Waiter:
    """Acquires a semaphore again and again. Used by one thread, but for `cancel`. `priority` is called whenever the
    semaphore is released.
    """

    def __init__(self, priority: Callable[[], Priority]) -> None:
        self.priority = priority
        self.woken = threading.Semaphore(0)
        self.is_cancelled = False
        self.has_acquired = False


class PrioritySemaphore:
    """`permits` waiters hold it at once. The most urgent is next; of equal ones, the first that waited."""

    def __init__(self, permits: int) -> None:
        self._lock = threading.Lock()
        self._free = permits
        self._waiting: list[Waiter] = []

    def acquire(self, waiter: Waiter) -> bool:
        """Wait for the semaphore; False, at once, when the waiter was cancelled."""
        with self._lock:
            if waiter.is_cancelled:
                return False
            if self._free:
                self._free -= 1
                waiter.has_acquired = True
                return True
            self._waiting.append(waiter)
        waiter.woken.acquire()
        return waiter.has_acquired

    def release(self, waiter: Waiter) -> None:
        """Pass the semaphore on, if the waiter holds it."""
        with self._lock:
            if not waiter.has_acquired:
                return
            waiter.has_acquired = False
            if not self._waiting:
                self._free += 1
                return
            following = min(self._waiting, key=lambda waiting: waiting.priority())
            self._waiting.remove(following)
            following.has_acquired = True
            following.woken.release()

    def cancel(self, waiter: Waiter) -> None:
        """Stop waiting, and refuse the next `acquire`. A waiter that holds the semaphore has it until it releases it.

        From any thread.
        """
        with self._lock:
            waiter.is_cancelled = True
            if waiter in self._waiting:
                self._waiting.remove(waiter)
                waiter.woken.release()
