"""What a benchmark measures, and how it is printed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A measured value with its unit. `at_most` or `at_least` is its target, in the same unit."""

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def is_ratio(self) -> bool:
        """Whether it compares two things of the same run."""
        return self.unit in ("", "x")

    @property
    def line(self) -> str:
        """`name  value unit  (target: …)`, with a mark where the target is missed."""
        target, met = "", True
        if self.at_most is not None:
            target, met = f"<= {self.at_most:g}", self.value <= self.at_most
        elif self.at_least is not None:
            target, met = f">= {self.at_least:g}", self.value >= self.at_least
        return f"{self.name:<62} {self.value:>10.3f} {self.unit:<6} {target:<10} {'' if met else 'MISSED'}".rstrip()


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed: nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def seconds_of(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
