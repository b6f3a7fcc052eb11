"""What a caller wants spoken: validated, complete, in the service's own types."""

from dataclasses import dataclass, field, replace

from voicebox_audio.encoding.encodings import Encoding

from .engine import Style

MAX_TEXT_CHARACTERS = 10_000
MAX_REFERENCE_BYTES = 1024 * 1024


@dataclass(frozen=True)
class BuiltIn:
    """A built-in voice, as `{engine}/{voice}`, `{voice}` of an engine, or empty for the default voice."""

    name: str = ""


@dataclass(frozen=True)
class StoredProfile:
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
    """One utterance to make. `sample_rate_hz` 0 is the engine's own; with `keep` it is recorded in the history.

    `model` is `models/{engine}/{model}`, or empty; with `check` its word error rate is measured; `verbatim` gives the
    engine the text as it is written. `unset` names what the caller left open of speed, pitch_semitones and seed: a
    profile's defaults may fill it.
    """

    source: BuiltIn | StoredProfile | Recording
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
        given = {name: getattr(defaults, name) for name in self.unset if getattr(defaults, name) is not None}
        seed = given.pop("seed", self.seed)
        return replace(self, seed=seed, style=replace(self.style, **given))


@dataclass(frozen=True)
class DesignJob:
    """Voices that fit a description, one for each seed: validated. `model` is `models/{engine}/{model}`, or empty."""

    description: str
    text: str
    style: Style
    seeds: tuple[int, ...]
    model: str
    verbatim: bool = False
