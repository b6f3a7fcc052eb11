"""What a caller wants spoken, checked and complete, in the service's own terms."""

from dataclasses import dataclass, field

from voicebox_sound.encode import Encoding

from .engine import Style


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
class Job:
    """One utterance to make. `sample_rate_hz` 0 is the engine's own; `keep` asks for a record in the history."""

    source: BuiltIn | Profile | Recording
    encoding: Encoding
    sample_rate_hz: int
    style: Style
    seed: int
    request_id: str
    keep: bool
    ahead_seconds: float
    owner: str
