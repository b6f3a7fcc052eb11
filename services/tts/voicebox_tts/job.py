"""What a caller wants spoken: validated, complete, in the service's own types."""

from dataclasses import dataclass, field, replace

from voicebox_audio.encoding.encodings import Encoding

from .engine import Style

MAX_TEXT_CHARACTERS = 10_000
MAX_STREAMED_CHARACTERS = 1_000_000
"""Of a text whose speech is streamed."""
MAX_RECORDED_CHARACTERS = 100_000
"""Of a text of the history; its audio is two hours."""
MAX_REFERENCE_BYTES = 1024 * 1024
MAX_PAUSE_SECONDS, MAX_PAUSES_SECONDS = 10.0, 600.0
"""Of one pause that is asked for, and of all in a request."""
MAX_LEXICONS = 8
"""In one request."""
MAX_OVERRIDES = 32
"""In one request: each may hold a session of an engine."""
MIN_SPEED, MAX_SPEED, MAX_SEMITONES = 0.25, 4.0, 12.0


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
    consent: str = ""


@dataclass(frozen=True)
class VoiceOverride:
    """How a stretch of a text is spoken where it is not as the job says. None, empty, 1 and 0 leave it as it is.

    `style` replaces the job's, with what the caller left open of it in `unset`. `speed` is a factor on the job's, and
    `pitch_semitones` are added to it. `place` says where in the request this was asked for: `ssml, line 2, column 7`.
    """

    source: BuiltIn | StoredProfile | None = None
    language: str = ""
    speed: float = 1.0
    pitch_semitones: float = 0.0
    style: Style | None = None
    unset: frozenset[str] = frozenset()
    place: str = field(default="", compare=False)


NO_OVERRIDE = VoiceOverride()


@dataclass(frozen=True)
class Defaults:
    """How a profile speaks when the caller does not say; None leaves it to the engine."""

    speed: float | None = None
    pitch_semitones: float | None = None
    seed: int | None = None
    lexicons: tuple[str, ...] | None = None


NO_DEFAULTS = Defaults()


@dataclass(frozen=True)
class Processing:
    """What is done to the audio; None leaves it as the engine makes it."""

    loudness_lufs: float | None = None
    true_peak_dbtp: float | None = None
    trim_silence: bool = False


UNPROCESSED = Processing()


@dataclass(frozen=True)
class Job:
    """One utterance to make. `sample_rate_hz` 0 is the engine's own; with `keep` it is recorded in the history.

    `model` is `models/{engine}/{model}`, or empty; with `check` its word error rate is measured; `verbatim` gives the
    engine the text as it is written. `lexicons` are names, the preferred one first. `unset` names what the caller left
    open of speed, pitch_semitones, seed and lexicons: a profile's defaults may fill it.
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
    processing: Processing = UNPROCESSED
    lexicons: tuple[str, ...] = ()

    def overridden(self, override: VoiceOverride) -> "Job":
        """The same in the voice and language of an override; its speed and pitch depend on who that is."""
        style, unset = self.style, self.unset
        if override.style:
            style, unset = override.style, override.unset | (self.unset & {"seed", "lexicons"})
        elif override.source:
            style = replace(style, language="")
        return replace(
            self,
            source=override.source or self.source,
            model="" if override.source else self.model,
            style=replace(style, language=override.language or style.language),
            unset=unset,
        )

    def with_defaults(self, defaults: Defaults) -> "Job":
        """The same, with a profile's defaults where the caller left something open."""
        given = {name: getattr(defaults, name) for name in self.unset if getattr(defaults, name) is not None}
        seed, lexicons = given.pop("seed", self.seed), given.pop("lexicons", self.lexicons)
        return replace(self, seed=seed, lexicons=lexicons, style=replace(self.style, **given))


@dataclass(frozen=True)
class DesignJob:
    """Voices that fit a description, one for each seed: validated. `model` is `models/{engine}/{model}`, or empty."""

    description: str
    text: str
    style: Style
    seeds: tuple[int, ...]
    model: str
    verbatim: bool = False
