"""What a speech-to-text engine is."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from voicebox_models.engine import Loadable

SAMPLE_RATE_HZ = 16_000
"""Every engine hears mono audio at this rate; the service resamples."""

Samples = NDArray[np.float32]
"""Mono audio at SAMPLE_RATE_HZ, shape (samples,), in [-1, 1]."""


@dataclass(frozen=True)
class Word:
    """A word that was heard, in seconds from the utterance's first sample."""

    text: str
    start_seconds: float
    end_seconds: float
    confidence: float | None


@dataclass(frozen=True)
class Heard:
    """What an utterance said; `confidence` is 0 to 1, None where the engine does not tell."""

    text: str
    confidence: float | None
    words: tuple[Word, ...]


class VoiceActivity(Protocol):
    """Tells speech from silence, frame by frame. One stream's state."""

    @property
    def frame_samples(self) -> int:
        """How many samples a frame has."""

    def is_speech(self, frame: Samples) -> bool:
        """Whether a frame of exactly `frame_samples` samples holds speech."""


class Session(Protocol):
    """One stream's state: utterances one after the other. Used by one thread at a time."""

    def begin(self, preview: Samples) -> None:
        """Begin an utterance. `preview` is what is known of its sound so far, all of it or its first second.

        It serves to adapt to speaker and channel and is not heard by this: feed it too.
        """

    def feed(self, samples: Samples) -> None:
        """Hear more of it, and return when that is done. Callers feed half a second at most, so that they can stop in between."""

    def interim(self) -> str:
        """What it sounds like so far."""

    def end(self) -> Heard:
        """End it and tell what it said."""

    def interrupt(self) -> None:
        """Make the step that runs end soon, whatever it then raises; called from another thread when nobody waits for it any more."""

    def close(self) -> None:
        """Free what the session holds. Called once, while nothing else runs."""


class Engine(Loadable, Protocol):
    """A recogniser. Blocking, thread-safe, and knows nothing of gRPC or asyncio. Its entry point is called with the device's name."""

    def open(self, language: str) -> Session:
        """Begin a stream; `language` is one of its model's, empty for the first of them. Loads the model when that is needed.

        Raises InvalidField("config.language") when the engine has no such language.
        """

    def voice_activity(self) -> VoiceActivity:
        """A fresh detector for one stream."""
