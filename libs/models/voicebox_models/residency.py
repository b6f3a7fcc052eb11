"""Which models stay in memory: pure, the moments are numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from voicebox_kit.errors import Exhausted

BUSY_RETRY_SECONDS = 5.0


@dataclass(frozen=True)
class MemoryLimits:
    """How much memory loaded models may hold, and how long one may be idle. 0 is no limit."""

    memory_bytes: int = 0
    ttl_seconds: float = 0.0


NO_LIMITS = MemoryLimits()


@dataclass(frozen=True)
class Resident:
    """A model in memory, last used at `used_at`. It is `pinned` for good when it is the default, and `busy` while
    somebody uses it.
    """

    name: str
    memory_bytes: int
    used_at: float
    pinned: bool
    busy: bool

    @property
    def idle(self) -> bool:
        return not (self.pinned or self.busy)


def next_to_unload(residents: Sequence[Resident], name: str, needed_bytes: int, limits: MemoryLimits) -> str | None:
    """The idle model to unload, longest unused first, so that `name` fits; None when it fits as it is.

    Raises Exhausted("MODEL_MEMORY") when it would not fit even if all idle ones went.
    """
    held = sum(resident.memory_bytes for resident in residents)
    if not limits.memory_bytes or held + needed_bytes <= limits.memory_bytes:
        return None
    pinned = sum(resident.memory_bytes for resident in residents if resident.pinned)
    busy = sum(resident.memory_bytes for resident in residents if resident.busy and not resident.pinned)
    if pinned + busy + needed_bytes > limits.memory_bytes:
        never_fits = pinned + needed_bytes > limits.memory_bytes
        sentence = (
            f"models/{name} needs {_gigabytes(needed_bytes)} of the {_gigabytes(limits.memory_bytes)} that models may "
            "hold; "
            f"the default model holds {_gigabytes(pinned)}, models in use {_gigabytes(busy)}."
        )
        raise Exhausted("MODEL_MEMORY", sentence, None if never_fits else BUSY_RETRY_SECONDS)
    return min((resident for resident in residents if resident.idle), key=lambda resident: resident.used_at).name


def overdue(residents: Sequence[Resident], now: float, limits: MemoryLimits) -> list[str]:
    """The models that were idle for too long."""
    return [
        resident.name
        for resident in residents
        if resident.idle and limits.ttl_seconds and now - resident.used_at >= limits.ttl_seconds
    ]


def next_due_seconds(residents: Sequence[Resident], now: float, limits: MemoryLimits) -> float | None:
    """How long it is until the next idle model is overdue; None when there is none."""
    if not limits.ttl_seconds:
        return None
    return min((resident.used_at + limits.ttl_seconds - now for resident in residents if resident.idle), default=None)


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
