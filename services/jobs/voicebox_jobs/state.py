"""How far a job is, and what it can fail with."""

from dataclasses import dataclass, field
from enum import IntEnum

from voicebox_kit.errors import Exhausted, TooSlow, Unavailable, VoiceboxError
from voicebox_kit.status import INTERNAL

MAX_DEATHS = 4
"""A job that ended its process so often is not tried any more."""


MAX_WARNINGS = 100
"""Of a job."""


class State(IntEnum):
    """The states of a job, by their numbers in the contract."""

    QUEUED = 1
    PREPARING = 2
    RUNNING = 3
    PUBLISHING = 4
    SUCCEEDED = 5
    FAILED = 6
    CANCELLED = 7
    DEAD = 8


ENDED = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED, State.DEAD})


class ItemState(IntEnum):
    """The states of an item of a batch, by their numbers in the contract."""

    WAITING = 1
    DONE = 2
    FAILED = 3


@dataclass(frozen=True)
class Failure:
    """Why something failed: a status code, a stable reason, a sentence for people."""

    code: int
    reason: str
    sentence: str


@dataclass(frozen=True)
class Progress:
    """How far a step is, from 0 to 1, and what it does now in a few words."""

    fraction: float
    stage: str = ""


class UsageKind(IntEnum):
    """Kinds of work that jobs do themselves, by their numbers in the contract of accounts."""

    TRAINING = 5
    DATASET = 6


@dataclass(frozen=True)
class Used:
    """What a step used. `model` is `{engine}/{model}`, or an engine."""

    kind: UsageKind
    audio_seconds: float
    model: str = ""


@dataclass(frozen=True)
class Counted:
    """What counts for a job's owner, and for the key that created the job; `work_id` is the same for a step however
    often it was run.
    """

    work_id: str
    job_id: str
    owner: str
    key: str
    kind: int
    model: str
    audio_ms: int
    compute_ms: int
    end_us: int


@dataclass(frozen=True)
class Outcome:
    """What a step leaves behind for those after it, and what the job has to say of it."""

    output: dict[str, object] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    """What the job made, by what it is."""
    warnings: tuple[str, ...] = ()
    used: Used | None = None
    """What counts for the owner, beside what other services count themselves."""


def failure_of(error: Exception) -> Failure:
    """What an error means for the job. Bugs are INTERNAL, and say nothing."""
    if isinstance(error, VoiceboxError):
        return Failure(error.code, error.reason, error.sentence)
    return Failure(INTERNAL, "INTERNAL", "Something in voicebox is broken: its log says what.")


def may_pass(error: Exception) -> bool:
    """Whether the same may succeed some time later."""
    passing = isinstance(error, Exhausted) and error.retry_seconds is not None
    return passing or isinstance(error, Unavailable | TooSlow)
