"""What a speech-to-text engine is, and the rules that `tests/engines/test_asr_contract.py` checks.

- An engine's name is its entry point's; nothing is loaded before `load`, and after `unload` it can be loaded again.
- What is heard does not depend on how the sound is cut into pieces, and streams that are heard at the same time hear
  what each would alone.
- What `capabilities` does not name is an error that names the request's field. No sound, however strange, breaks what
  is heard next.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from voicebox_models.engine import Loadable

SAMPLE_RATE_HZ = 16_000
"""Every engine hears mono audio at this rate; the service resamples."""

Samples = NDArray[np.float32]
"""Mono audio at SAMPLE_RATE_HZ, shape (samples,), in [-1, 1]."""


class Task(StrEnum):
    """What to write down: what is said, or what it means in English."""

    TRANSCRIBE = "transcribe"
    TRANSLATE = "translate"


@dataclass(frozen=True)
class Jsgf:
    """A grammar in the JSpeech Grammar Format 1.0."""

    text: str


@dataclass(frozen=True)
class Phrases:
    """A grammar that is a list of phrases, any of which may be said."""

    phrases: tuple[str, ...]


@dataclass(frozen=True)
class Decoding:
    """How the model searches; None and () are the engine's own defaults. Thresholds as in the paper on Whisper, section
    4.5.
    """

    beam_size: int | None = None
    temperatures: tuple[float, ...] = ()
    compression_ratio_threshold: float | None = None
    log_probability_threshold: float | None = None
    no_speech_threshold: float | None = None
    condition_on_previous_text: bool = False


@dataclass(frozen=True)
class VoiceDetection:
    """How speech is told from silence: `off` leaves nothing out of a file; `threshold` is a probability, None for the
    detector's own.
    """

    off: bool = False
    threshold: float | None = None


@dataclass(frozen=True)
class Options:
    """How to recognise. An engine is asked for nothing that its capabilities leave out.

    `language` is one of the model's; empty: detect it.
    """

    language: str = ""
    multilingual: bool = False
    task: Task = Task.TRANSCRIBE
    prompt: str = ""
    hotwords: tuple[str, ...] = ()
    grammar: Jsgf | Phrases | None = None
    decoding: Decoding = Decoding()
    voice_detection: VoiceDetection = VoiceDetection()
    word_times: bool = False


@dataclass(frozen=True)
class Capabilities:
    """What an engine can honour of Options, how long an utterance it can hear, and how much of one it adapts to before
    it hears it.
    """

    detects_language: bool
    multilingual: bool
    translates: bool
    prompts: bool
    hotwords: bool
    grammars: bool
    decoding: bool
    voice_threshold: bool
    longest_utterance_seconds: float
    preview_seconds: float = 0.0


@dataclass(frozen=True)
class Word:
    """A word that was heard, in seconds from the sound's first sample."""

    text: str
    start_seconds: float
    end_seconds: float
    confidence: float | None


@dataclass(frozen=True)
class Scores:
    """What the engine tells of a result besides its text; None where it does not tell."""

    no_speech_probability: float | None = None
    average_log_probability: float | None = None
    compression_ratio: float | None = None
    temperature: float | None = None


@dataclass(frozen=True)
class Heard:
    """What an utterance said; `confidence` is 0 to 1, None where the engine does not tell; `language` is BCP 47."""

    text: str
    confidence: float | None
    words: tuple[Word, ...]
    language: str = ""
    language_probability: float | None = None
    scores: Scores = Scores()
    resemblance: float | None = None
    """How much the sounds of a word that comes again and again are alike, 0 to 1, see echoes; None where that was not
    looked at.
    """


@dataclass(frozen=True)
class Passage:
    """A stretch of a file in which something was said. Its times and its words' times are seconds from the file's first
    sample.
    """

    heard: Heard = field(repr=False)
    start_seconds: float
    end_seconds: float


class Reason(StrEnum):
    """Why a reader of a result should be warned: stable words for programs."""

    REPETITION = "REPETITION"
    LOW_CONFIDENCE = "LOW_CONFIDENCE"
    NOT_STORED = "NOT_STORED"
    NOT_RECOGNISED = "NOT_RECOGNISED"
    SHORT_AUDIO = "SHORT_AUDIO"
    LANGUAGE_CHANGED = "LANGUAGE_CHANGED"
    CUT_SHORT = "CUT_SHORT"
    OVER_FULL_SCALE = "OVER_FULL_SCALE"
    NOT_A_NUMBER = "NOT_A_NUMBER"


@dataclass(frozen=True)
class Notice:
    """What a reader of a result should know: a sentence for people, and its place in seconds from the start; None where
    it has none.
    """

    reason: Reason
    sentence: str
    start_seconds: float | None = None
    end_seconds: float | None = None


class VoiceActivity(Protocol):
    """Tells speech from silence, frame by frame. One stream's state."""

    @property
    def frame_samples(self) -> int:
        """How many samples a frame has."""

    def is_speech(self, frame: Samples) -> bool:
        """Whether a frame of exactly `frame_samples` samples holds speech."""


class Session(Protocol):
    """One live stream's state: utterances one after the other. Used by one thread at a time."""

    def begin(self, preview: Samples) -> None:
        """Begin an utterance. `preview` is what is known of its sound so far: `preview_seconds` of it, or all, or less
        for a quick interim.

        It serves to adapt to speaker and channel and is not heard by this: feed it too. May be called again before
        `end`, when more is known: what was fed is forgotten then.
        """

    def feed(self, samples: Samples) -> None:
        """Hear more of it, and return when that is done. Callers feed half a second at most, so that they can stop in
        between.
        """

    def interim(self) -> Heard:
        """What it sounds like so far; words may come without times that mean anything."""

    def end(self) -> Heard:
        """End it and tell what it said."""

    def interrupt(self) -> None:
        """Make the step that runs end soon, whatever it then raises; called from another thread when nobody waits for
        it any more.
        """

    def close(self) -> None:
        """Free what the session holds. Called once, while nothing else runs."""


@runtime_checkable
class Foreseeing(Protocol):
    """What a Session may offer besides: the final before it is known that the utterance ends."""

    def foresee(self) -> Heard:
        """What `end` would tell now. The utterance goes on: more may be fed."""

    def accept(self, heard: Heard) -> None:
        """End the utterance with what was foreseen: what was fed since is silence."""


class Reader(Protocol):
    """One file's state. Used by one thread at a time. It holds a few stretches of sound at once, however long the file
    is.
    """

    def hear(self, samples: Samples) -> Iterator[Passage | None]:
        """Take the next samples; yields the passages that are done, in order, and None after each step of work, where a
        caller can stop.
        """

    def finish(self) -> Iterator[Passage | None]:
        """The file ends; yields as `hear` does."""

    @property
    def speech_seconds(self) -> float:
        """How much of the sound so far was taken for speech."""

    def interrupt(self) -> None:
        """As in Session."""

    def close(self) -> None:
        """As in Session."""


@runtime_checkable
class Noticing(Protocol):
    """What a Reader may offer besides."""

    @property
    def notices(self) -> Sequence[Notice]:
        """What the caller should know of the sound so far, besides its passages."""


class Engine(Loadable, Protocol):
    """A recogniser of one model. Blocking, thread-safe, and knows nothing of gRPC or asyncio.

    Found through the families of the entry points `voicebox.asr.engines`, which are called with a
    voicebox_models.engine.Setup.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What it can honour; known before it is loaded."""

    def open(self, options: Options) -> Session:
        """Begin a live stream. Loads the model when that is needed.

        Raises InvalidField("config.grammar...") for a grammar that cannot be used.
        """

    def read(self, options: Options) -> Reader:
        """Begin a file; the rest as in `open`."""

    def voice_activity(self, detection: VoiceDetection) -> VoiceActivity:
        """A fresh detector for one live stream."""
