"""What a text-to-speech engine is, and the rules that `pytest --engine NAME` checks.

- The same voice, style, seed and sentences give the same samples, also while others speak, in another thread or
  process, and draw random numbers. A batch or a GPU may round: a difference of -114 dB is the same.
- A session whose `speak` is not read, or is closed in the middle, stops no other and leaves no thread behind.
- Nothing is loaded before `load`; after `unload` the engine can be loaded again; `load` twice is `load` once.
- Speech begins within 0.15 s of a stream's first sample. Audio comes in pieces, of which the first is short.
- A sentence without a letter or digit gives no audio and no error. No text, however long or strange, breaks the engine
  or what it says next.
- Whatever `capabilities` does not name is an InvalidField with the request's path, such as `style.speed`; an unknown
  voice is NotFound("voice"), also for "" and for names that look like paths.
- With WORD_TIMINGS every word of the text is yielded once, in order, with or before the audio that it begins in; words
  do not overlap.
- With PHONEMES its sessions are a PhonemeSession, which follows given phonemes, times their text as one word, and names
  those without a sound in a warning.
- An engine with a cloning capability has `prompt`, `pack` and `unpack`. A prompt equals another of the same recording,
  survives `pack` and `unpack`, and a damaged one is a ValueError. A recording with too little speech is
  InvalidField("reference", reason "REFERENCE_TOO_LITTLE_SPEECH").
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeGuard, runtime_checkable

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
    VOICE_DESIGN = "VOICE_DESIGN"
    TEXT_NORMALIZATION = "TEXT_NORMALIZATION"
    PHONEMES = "PHONEMES"


class Gender(StrEnum):
    """How a voice sounds."""

    FEMALE = "FEMALE"
    MALE = "MALE"


@dataclass(frozen=True)
class Voice:
    """A built-in voice. `name` is unique within its engine; `languages` are BCP 47; `gender` is None when it is not
    known.
    """

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
    """A spoken word and its times, in seconds from the session's first sample."""

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
    """A piece of audio, with the words and phonemes that begin in it or later, each of them once.

    `warnings` are sentences for people on what went wrong while it was made.
    """

    samples: Samples
    words: tuple[Word, ...] = ()
    phonemes: tuple[Phoneme, ...] = ()
    warnings: tuple[str, ...] = ()


LONGEST_REFERENCE_SECONDS = 30
"""No engine learns more of a voice from more. Of a longer recording they follow a part, without its transcript."""


@dataclass(frozen=True)
class Reference:
    """A recording of the voice to follow; `transcript` is empty when it is not known."""

    samples: Samples = field(repr=False)
    sample_rate_hz: int
    transcript: str = ""


@dataclass(frozen=True)
class Description:
    """A voice in words: "a calm old man with a deep voice". The seed chooses one of those that fit."""

    text: str


@dataclass(frozen=True)
class Packed:
    """A voice prompt in a form that can be stored: arrays and strings, by names of the engine's choice."""

    arrays: Mapping[str, NDArray[Any]]
    facts: Mapping[str, str]


class VoicePrompt(Protocol):
    """What an engine computed once from a reference, ready to speak with. Immutable; safe to share between streams."""

    @property
    def base_voice(self) -> str:
        """The built-in voice that it modifies; empty without one."""

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

        Closing the iterator stops the engine within one step. Times of words count from the session's first sample.
        """

    def close(self) -> None:
        """Free what the session holds. Called once, from any thread, while no `speak` runs."""


@dataclass(frozen=True)
class GivenPhonemes:
    """A stretch of a text whose phonemes are given, in IPA."""

    text: str
    ipa: str


Stretch = str | GivenPhonemes


@runtime_checkable
class PhonemeSession(Session, Protocol):
    """A session of an engine with PHONEMES."""

    def speak_stretches(self, stretches: Sequence[Stretch]) -> Generator[Speech, None, None]:
        """As `speak`, of a sentence in stretches, which are joined as they are."""

    def phonemes(self, stretches: Sequence[Stretch]) -> str:
        """The IPA of what `speak_stretches` would say, with a space between words. It makes no audio."""


class Engine(Loadable, Protocol):
    """A model that speaks. Blocking, thread-safe, and knows nothing of gRPC or asyncio."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do."""

    @property
    def default_voice(self) -> str:
        """The name of the voice that speaks when none is named; empty without built-in voices."""

    def voices(self) -> Sequence[Voice] | None:
        """Its voices, default first, without loading it; empty when it only follows recordings or descriptions.

        None when it must be loaded to know them, and is not.
        """

    def open(self, voice: str | VoicePrompt | Description, style: Style, seed: int) -> Session:
        """Begin a stream in a built-in voice, by name, with a prompt, or, with VOICE_DESIGN, from a description.

        The same arguments and sentences give the same samples. NotFound("voice") for an unknown name.
        """


class CloningEngine(Engine, Protocol):
    """An engine with a cloning capability: it computes voice prompts from recordings."""

    def prompt(self, reference: Reference) -> VoicePrompt:
        """Compute a voice prompt from a recording: seconds of work.

        InvalidField("reference") with the reason REFERENCE_TOO_LITTLE_SPEECH.
        """

    def pack(self, prompt: VoicePrompt) -> Packed:
        """One of its prompts in a form that can be stored."""

    def unpack(self, packed: Packed) -> VoicePrompt:
        """The prompt that was packed by this model, in this or another process; ValueError for anything else."""


CLONING = (Capability.CLONING, Capability.CLONING_APPROXIMATE)
"""The ways to follow a recording, the better one first."""


def can_clone(engine: Engine) -> TypeGuard[CloningEngine]:
    """Whether an engine follows recordings."""
    return not engine.capabilities.isdisjoint(CLONING)


@runtime_checkable
class BlendsVoices(Protocol):
    """An engine that has voices beside those that it lists, such as blends of them. `blend_rules` is a sentence on how
    they are named.
    """

    blend_rules: str

    def blended(self, name: str) -> Voice | None:
        """The voice of such a name, as in `af_heart*0.6+af_bella*0.4`; None when it is none. Raises as `voices`."""


@runtime_checkable
class Transliterates(Protocol):
    """An engine that transliterates letters of another script, which is not how they are read."""

    def transliterated(self, text: str) -> str:
        """The letters of a text that it transliterates: each once, in order."""


@runtime_checkable
class HasAlphabet(Protocol):
    """An engine that knows which characters it cannot say. Others are assumed to say everything."""

    def unspoken(self, text: str) -> str:
        """The characters of a text that it leaves out and a reader would not: each once, in order."""
