"""The interface of speaker encoders."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Windows = NDArray[np.float32]
"""Stretches of speech of equal length at SAMPLE_RATE_HZ, shape (n, samples)."""

Embeddings = NDArray[np.float32]
"""A vector of length 1 for each window, shape (n, dimensions): a small angle between two means one speaker."""


class SpeakerEngine(Protocol):
    """A speaker encoder. Blocking, thread-safe. An entry point of `voicebox.asr.speakers` makes it without arguments.

    It loads itself when it is first used, and never downloads.
    """

    @property
    def name(self) -> str:
        """Its entry point's name."""

    @property
    def missing(self) -> str:
        """What must be installed for it, as a sentence; empty when all is here."""

    @property
    def window_samples(self) -> int:
        """How long a window is."""

    @property
    def same_speaker_similarity(self) -> float:
        """The mean cosine between two groups of windows from which they are one person's, -1 to 1."""

    def embed(self, windows: Windows) -> Embeddings:
        """The voices in some windows, at most 64 at once, so that callers can stop in between."""
