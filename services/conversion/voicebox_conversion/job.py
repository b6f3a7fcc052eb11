"""What a caller wants converted, checked and complete, in the service's own terms."""

from dataclasses import dataclass
from enum import Enum

from .engine import Options


class TargetKind(Enum):
    """Where a voice comes from."""

    VOICE_MODEL = "voiceModels"
    PROFILE = "profiles"


@dataclass(frozen=True)
class Target:
    """Whose voice: a voice model or a profile of an owner, by its id."""

    kind: TargetKind
    identity: str
    owner: str

    @property
    def name(self) -> str:
        """As callers write it."""
        return f"{self.kind.value}/{self.identity}"


@dataclass(frozen=True)
class Job:
    """Speech to convert."""

    target: Target
    options: Options
