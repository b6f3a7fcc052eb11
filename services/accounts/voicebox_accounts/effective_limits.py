"""Which limits hold for a caller, and for whom each of them counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

NAMES = (
    "requests_per_minute",
    "concurrent_streams",
    "characters_per_day",
    "audio_seconds_per_day",
    "stored_bytes",
    "model_downloads_per_day",
    "concurrent_jobs",
)


@dataclass(frozen=True)
class Limit:
    """The most that a subject, `owners/{owner}` or `keys/{key}`, may use of something."""

    subject: str
    maximum: int


@dataclass(frozen=True)
class EffectiveLimits:
    """A caller's limits by their names; those that are not there do not hold."""

    by_name: Mapping[str, Limit] = field(default_factory=dict)

    def get(self, name: str) -> Limit | None:
        """The limit with this name; None when there is none."""
        return self.by_name.get(name)

    @property
    def names(self) -> Sequence[str]:
        """The limits that hold, in the order of their names."""
        return sorted(self.by_name)


def effective(subjects: Sequence[str], set_limits: Mapping[str, Mapping[str, int]]) -> EffectiveLimits:
    """The limits for someone who is all of these subjects: of each limit, the last subject's that has it set."""
    return EffectiveLimits(
        {
            name: Limit(subject, set_limits[subject][name])
            for subject in subjects
            for name in NAMES
            if name in set_limits.get(subject, {})
        }
    )
