"""What a speech-to-text engine is, and the rules that `tests/engines/test_asr_contract.py` checks.

- An engine's name is its entry point's; nothing is loaded before `load`, and after `unload` it can be loaded again.
- Results do not depend on how the audio is cut into pieces, nor on other streams that run at the same time.
- What `capabilities` does not name is an error that names the request's field. No audio, however strange, affects
  later results.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from voicebox_models.engine import Loadable

SAMPLE_RATE_HZ = 16_000
"""Every engine reads mono audio at this rate; the service resamples."""

Samples = NDArray[np.float32]
"""Mono audio at SAMPLE_RATE_HZ, shape (samples,), in [-1, 1]."""


class Task(StrEnum):
    """What to write: a transcript, or its translation into English."""

    TRANSCRIBE = "transcribe"
    TRANSLATE = "translate"


@dataclass(frozen=True)
class Jsgf:
    """A grammar in the JSpeech Grammar Format 1.0."""

    text: str


@dataclass(frozen=True)
class Phrases:
    """A grammar that is a list of phrases, any of which may be spoken."""

    phrases: tuple[str, ...]


@dataclass(frozen=True)
class Decoding:
    """How the model searches; None and () are the engine's defaults. Thresholds as in Whisper's paper, section 4.5."""

    beam_size: int | None = None
    temperatures: tuple[float, ...] = ()
    compression_ratio_threshold: float | None = None
    log_probability_threshold: float | None = None
    no_speech_threshold: float | None = None
    condition_on_previous_text: bool = False


@dataclass(frozen=True)
class VoiceDetection:
    """Voice activity detection: `off` uses all of a file; `threshold` is a probability, None for the default."""

    off: bool = False
    threshold: float | None = None


@dataclass(frozen=True)
class Options:
    """How to recognise. An engine gets no options that its capabilities leave out.

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
    """Which Options an engine supports, its longest utterance, and how much audio it adapts to before recognition."""

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
    """A recognised word, in seconds from the first sample of the audio."""

    text: str
    start_seconds: float
    end_seconds: float
    confidence: float | None


@dataclass(frozen=True)
class Scores:
    """The engine's scores of a result; None where it has none."""

    no_speech_probability: float | None = None
    average_log_probability: float | None = None
    compression_ratio: float | None = None
    temperature: float | None = None


@dataclass(frozen=True)
class Hypothesis:
    """The text of an utterance; `confidence` is 0 to 1, None where the engine has none; `language` is BCP 47."""

    text: str
    confidence: float | None
    words: tuple[Word, ...]
    language: str = ""
    language_probability: float | None = None
    scores: Scores = Scores()
    self_similarity: float | None = None
    """How alike the sounds of a repeated word are, 0 to 1, see results.self_similarity; None if unknown."""


@dataclass(frozen=True)
class Segment:
    """A part of a file with its text. All times, the words' too, are seconds from the first sample of the file."""

    hypothesis: Hypothesis = field(repr=False)
    start_seconds: float
    end_seconds: float


class WarningReason(StrEnum):
    """The kind of a warning: stable words for programs."""

    REPETITION = "REPETITION"
    LOW_CONFIDENCE = "LOW_CONFIDENCE"
    NOT_STORED = "NOT_STORED"
    RECORD_PENDING = "RECORD_PENDING"
    RECORD_REJECTED = "RECORD_REJECTED"
    NOT_RECOGNISED = "NOT_RECOGNISED"
    SHORT_AUDIO = "SHORT_AUDIO"
    LANGUAGE_CHANGED = "LANGUAGE_CHANGED"
    LANGUAGE_UNSURE = "LANGUAGE_UNSURE"
    CUT_SHORT = "CUT_SHORT"
    OVER_FULL_SCALE = "OVER_FULL_SCALE"
    NOT_A_NUMBER = "NOT_A_NUMBER"
    TOO_QUIET = "TOO_QUIET"


@dataclass(frozen=True)
class RecognitionWarning:
    """A warning about a result: a sentence for people, and its time in seconds from the start; None without a time."""

    reason: WarningReason
    sentence: str
    start_seconds: float | None = None
    end_seconds: float | None = None


class VoiceActivity(Protocol):
    """Distinguishes speech from silence, frame by frame. One stream's state."""

    @property
    def frame_samples(self) -> int:
        """How many samples a frame has."""

    def is_speech(self, frame: Samples) -> bool:
        """Whether a frame of exactly `frame_samples` samples holds speech."""


class Session(Protocol):
    """One live stream's state: utterances one after the other. Used by one thread at a time."""

    def begin(self, preview: Samples) -> None:
        """Begin an utterance. `preview` is its audio so far: `preview_seconds`, or all, or less for quick interims.

        The session adapts to it and does not recognise it: feed it too. May be called again before `end` with a longer
        preview, which discards what was fed.
        """

    def feed(self, samples: Samples) -> None:
        """Process more of it. Callers feed half a second at most, so that they can stop in between."""

    def interim(self) -> Hypothesis:
        """The hypothesis so far; the times of its words may be meaningless."""

    def end(self) -> Hypothesis:
        """End the utterance and return its hypothesis."""

    def interrupt(self) -> None:
        """Make the running step end soon, with any error; called from another thread when its result is not needed."""

    def close(self) -> None:
        """Free what the session holds. Called once, while nothing else runs."""


@runtime_checkable
class SupportsEarlyFinal(Protocol):
    """What a Session may offer: a final before it is known that the utterance ends."""

    def early_final(self) -> Hypothesis:
        """What `end` would return now. The utterance goes on: more may be fed."""

    def accept_early_final(self, hypothesis: Hypothesis) -> None:
        """End the utterance with an early final: what was fed since is silence."""


class Reader(Protocol):
    """One file's state. Used by one thread at a time. Its memory does not grow with the file."""

    def process(self, samples: Samples) -> Iterator[Segment | None]:
        """Take the next samples; yields segments, in order, and None after each step, where a caller can stop."""

    def finish(self) -> Iterator[Segment | None]:
        """The file ends; yields as `process` does."""

    @property
    def speech_seconds(self) -> float:
        """How much of the audio so far was speech."""

    def interrupt(self) -> None:
        """As in Session."""

    def close(self) -> None:
        """As in Session."""


@runtime_checkable
class SupportsWarnings(Protocol):
    """What a Reader may offer."""

    @property
    def warnings(self) -> Sequence[RecognitionWarning]:
        """Warnings about the audio so far."""


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
