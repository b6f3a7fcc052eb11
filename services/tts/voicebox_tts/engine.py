"""What a text-to-speech engine is."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from voicebox_models.engine import Loadable

Samples = NDArray[np.float32]
"""Mono audio, shape (samples,), in [-1, 1]."""


class Capability(StrEnum):
    """What an engine can do; a request that needs more is an error that names the field."""

    CLONING_APPROXIMATE = "CLONING_APPROXIMATE"
    CLONING = "CLONING"
    INSTRUCTIONS = "INSTRUCTIONS"
    WORD_TIMINGS = "WORD_TIMINGS"
    PHONEME_TIMINGS = "PHONEME_TIMINGS"
    SPEED = "SPEED"
    PITCH = "PITCH"
    SEED = "SEED"


class Gender(StrEnum):
    """Whose voice it sounds like."""

    FEMALE = "FEMALE"
    MALE = "MALE"


@dataclass(frozen=True)
class Voice:
    """A built-in voice. `name` is unique within its engine; `languages` are BCP 47; `gender` is None when it is not known."""

    name: str
    display_name: str
    languages: tuple[str, ...]
    sample_rate_hz: int
    gender: Gender | None = None


@dataclass(frozen=True)
class Style:
    """How a text is spoken. `language` is BCP 47, empty for the voice's own."""

    speed: float = 1.0
    pitch_semitones: float = 0.0
    language: str = ""
    instructions: str = ""


@dataclass(frozen=True)
class Word:
    """A spoken word and when it is heard, in seconds from the session's first sample."""

    text: str
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True)
class Phoneme:
    """An IPA phoneme and when it begins, in seconds from the session's first sample."""

    ipa: str
    start_seconds: float


@dataclass(frozen=True)
class Speech:
    """A piece of audio, with the words and phonemes that begin in it or later and were not told yet."""

    samples: Samples
    words: tuple[Word, ...] = ()
    phonemes: tuple[Phoneme, ...] = ()


@dataclass(frozen=True)
class Reference:
    """A recording of the voice to follow; `transcript` is empty when it is not known."""

    samples: Samples = field(repr=False)
    sample_rate_hz: int
    transcript: str = ""


class VoicePrompt(Protocol):
    """What an engine computed once from a reference, ready to speak with. Immutable; safe to share between streams."""

    @property
    def base_voice(self) -> str:
        """The built-in voice that it moves, or empty."""

    @property
    def size_bytes(self) -> int:
        """Memory that it holds, for bounded caches."""


class Session(Protocol):
    """One stream's state. Used by one thread at a time."""

    @property
    def sample_rate_hz(self) -> int:
        """The rate of everything that it yields."""

    def speak(self, sentence: str) -> Generator[Speech, None, None]:
        """Speak one sentence after what was spoken before, yielding audio as early as it is made.

        Closing the iterator stops the engine within one step. Words' times go on from sentence to sentence.
        """

    def close(self) -> None:
        """Free what the session holds. Called once, from any thread, while no `speak` runs."""


class Engine(Loadable, Protocol):
    """A family of voices. Blocking, thread-safe, and knows nothing of gRPC or asyncio. Its entry point is called with the device's name."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do."""

    @property
    def default_voice(self) -> str:
        """The name of the voice that speaks when none is named."""

    def voices(self) -> Sequence[Voice]:
        """Its voices, default first. Loads it when that is needed to know them."""

    def prompt(self, reference: Reference) -> VoicePrompt:
        """Compute a voice prompt from a recording: seconds of work. InvalidField("reference") when it holds too little speech."""

    def open(self, voice: str | VoicePrompt, style: Style, seed: int) -> Session:
        """Begin a stream in a built-in voice, by name, or in a prompt's. The same arguments and sentences give the same samples."""
