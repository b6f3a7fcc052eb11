"""A clip of a data set, and what a person decided about it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from voicebox_audio.recordings.quality import Measures


@dataclass(frozen=True)
class Drop:
    """Why a clip is left out: a stable word, and a sentence that says what to do."""

    reason: str
    sentence: str


@dataclass(frozen=True)
class Clip:
    """A stretch of a recording, from `begin_seconds` to `end_seconds`, with what was measured and recognised of it."""

    name: str
    recording: str
    begin_seconds: float
    end_seconds: float
    measures: Measures
    transcript: str = ""
    confidence: float | None = None
    """Of the transcript, 0 to 1, as the recogniser says; None where it says nothing, or a person wrote it."""
    speaker: str = ""
    """As in `speaker-1`: who speaks in it, within its recording."""
    drops: tuple[Drop, ...] = ()
    decided: bool | None = None
    """Whether a person wants it kept; None where nobody decided."""

    @property
    def seconds(self) -> float:
        return self.end_seconds - self.begin_seconds

    @property
    def kept(self) -> bool:
        """As a person decided, else where there is no reason against it."""
        return not self.drops if self.decided is None else self.decided

    def corrected(self, transcript: str | None, decided: bool | None) -> "Clip":
        """With what a person wrote and decided; None changes nothing."""
        changed = self if decided is None else replace(self, decided=decided)
        if transcript is None:
            return changed
        return replace(changed, transcript=transcript.strip(), confidence=None)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Clip":
        measures = Measures(**stored["measures"])
        return cls(**{**stored, "measures": measures, "drops": tuple(Drop(**drop) for drop in stored["drops"])})
