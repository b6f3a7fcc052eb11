"""What a caller wants spoken, checked and complete, in the service's own terms."""

from dataclasses import dataclass, field, replace

from voicebox_audio.encoding.encoder import Encoding

from .engine import Style

MAX_TEXT_CHARACTERS = 10_000
MAX_REFERENCE_BYTES = 1024 * 1024


@dataclass(frozen=True)
class BuiltIn:
    """A built-in voice, as `{engine}/{voice}`, `{voice}` of the default engine, or empty for the default voice."""

    name: str = ""


@dataclass(frozen=True)
class Profile:
    """A stored profile, as `profiles/{profile}`."""

    name: str


@dataclass(frozen=True)
class Recording:
    """A recording that came with the request: a file's bytes, not decoded yet."""

    audio: bytes = field(repr=False)
    transcript: str = ""


@dataclass(frozen=True)
class Defaults:
    """How a profile speaks when the caller does not say; None leaves it to the engine."""

    speed: float | None = None
    pitch_semitones: float | None = None
    seed: int | None = None


NO_DEFAULTS = Defaults()


@dataclass(frozen=True)
class Job:
    """One utterance to make. `sample_rate_hz` 0 is the engine's own; `keep` asks for a record in the history.

    `model` is `models/{engine}/{model}`, or empty; `check` asks for the word error rate of what is heard; `verbatim`
    gives the engine the text as it is written. `unset` names what the caller left open of speed, pitch_semitones and
    seed: a profile's defaults may fill it.
    """

    source: BuiltIn | Profile | Recording
    encoding: Encoding
    sample_rate_hz: int
    style: Style
    seed: int
    request_id: str
    keep: bool
    ahead_seconds: float
    owner: str
    model: str = ""
    check: bool = False
    verbatim: bool = False
    unset: frozenset[str] = frozenset()

    def with_defaults(self, defaults: Defaults) -> "Job":
        """The same, with a profile's defaults where the caller left something open."""
        told = {name: getattr(defaults, name) for name in self.unset if getattr(defaults, name) is not None}
        seed = told.pop("seed", self.seed)
        return replace(self, seed=seed, style=replace(self.style, **told))


@dataclass(frozen=True)
class DesignJob:
    """Voices that fit a description, one for each seed: what is asked for, checked. `model` is
    `models/{engine}/{model}`, or empty.
    """

    description: str
    text: str
    style: Style
    seeds: tuple[int, ...]
    model: str
    verbatim: bool = False
