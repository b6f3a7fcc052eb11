"""A lease of a device: who holds or awaits how much of it."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a process does with the device."""

    SERVING = "SERVING"
    """It answers calls, beside whatever else is there."""
    JOB = "JOB"
    WAITING = "WAITING"
    """A job that waits for its turn."""


@dataclass(frozen=True)
class Lease:
    """Of one device. `holder` is a name for people, such as `tts`. `memory_bytes` is what it takes of the device's
    memory; 0 is unknown, and for a job all of it. `is_busy` while calls run; `since_ns` orders jobs that wait.
    """

    holder: str
    kind: Kind
    memory_bytes: int = 0
    is_busy: bool = False
    since_ns: int = 0

    @classmethod
    def from_json(cls, content: str) -> "Lease":
        """ValueError for what is none."""
        try:
            fields = json.loads(content)
            return cls(**{**fields, "kind": Kind(fields["kind"])})
        except (TypeError, KeyError) as error:
            raise ValueError(f"It is no lease: {error}.") from error

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def gigabytes(count: int) -> str:
    """Bytes as people read them."""
    return f"{count / 1e9:.1f} GB"
