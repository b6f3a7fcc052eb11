"""When a failed call is tried again."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from .errors import VoiceboxClientError


@dataclass(frozen=True)
class RetryPolicy:
    """At most so many attempts, with pauses that double. `jitter` draws from [0, 1), so that clients do not return all
    at once. A server that asks to wait longer than `longest_wait_seconds`, such as until a day's quota is renewed, is
    not called again: the error says when to.
    """

    attempts: int = 4
    first_pause_seconds: float = 0.1
    longest_pause_seconds: float = 5.0
    longest_wait_seconds: float = 60.0
    jitter: Callable[[], float] = random.SystemRandom().random


STANDARD = RetryPolicy()
NEVER = RetryPolicy(attempts=1)


class Attempts:
    """The attempts of one call, which share its deadline."""

    def __init__(self, policy: RetryPolicy, timeout_seconds: float, clock: Callable[[], float]) -> None:
        self._policy = policy
        self._clock = clock
        self._deadline = clock() + timeout_seconds
        self._failed = 0

    def remaining_seconds(self) -> float:
        """What is left until the deadline."""
        return max(0.0, self._deadline - self._clock())

    def pause_seconds(self, error: VoiceboxClientError) -> float:
        """How long to wait before the next attempt. Raises `error` when another would not help, or would come too
        late.
        """
        self._failed += 1
        asked = error.retry_seconds or 0.0
        pause = max(self._backoff_seconds(), asked)
        is_soon = asked <= self._policy.longest_wait_seconds and pause < self.remaining_seconds()
        if not _passing(error) or self._failed >= self._policy.attempts or not is_soon:
            raise error
        return pause

    def _backoff_seconds(self) -> float:
        doubled = self._policy.first_pause_seconds * 2.0 ** (self._failed - 1)
        return min(doubled, self._policy.longest_pause_seconds) * (0.5 + 0.5 * self._policy.jitter())


def _passing(error: VoiceboxClientError) -> bool:
    """Whether it may be over soon: the service is away, or its queue is full and it says when to come back."""
    return error.code == "UNAVAILABLE" or (error.code == "RESOURCE_EXHAUSTED" and error.retry_seconds is not None)
