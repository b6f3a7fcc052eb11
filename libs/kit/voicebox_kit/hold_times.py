"""How long permits are held, by how many are in use at once."""

from dataclasses import dataclass

FIRST_HOLD_SECONDS = 0.5
"""The assumed hold time of a permit, with all permits in use, before any was released."""
MEMORY = 0.2
"""The weight of the newest hold in the mean."""


@dataclass
class Hold:
    """A permit in use: since when, and the most that were in use at once meanwhile, itself included."""

    since: float
    running: int = 0


class HoldTimes:
    """How long permits are held, by how many are in use at once: calls that share the cores take longer, the more of
    them there are.
    """

    def __init__(self) -> None:
        self._shares = dict[int, float]()  # seconds of a hold for each call that ran, by the bits of their number

    def note(self, seconds: float, running: int) -> None:
        """Record a hold time, and the most permits that were in use meanwhile."""
        share = seconds / running
        mean = self._shares.setdefault(running.bit_length(), share)
        self._shares[running.bit_length()] = mean + MEMORY * (share - mean)

    def expected_seconds(self, running: int) -> float:
        """The mean hold time with this many in use; where that was never seen, the mean of fewer, scaled."""
        known = [bits for bits in self._shares if bits <= running.bit_length()]
        return self._shares[max(known)] * running if known else FIRST_HOLD_SECONDS
