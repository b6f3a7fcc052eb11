"""Compares the words that were recognised in a window with the speech that voice activity detection finds there."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .windows import FRAME_SECONDS

MARGIN_SECONDS = 0.4
"""The error of alignments at the edges of words."""

MIN_SPEECH_SECONDS = 1.0
"""Less speech than this without a word is a breath, a hesitation or a cough."""

Span = tuple[float, float]
"""From when to when, in seconds from the window's first sample."""


def speech_without_words(speech: NDArray[np.bool_], words: Sequence[Span]) -> list[Span]:
    """Where a window has speech and no word. `speech` marks frames with speech, shape (frames,); words are in order."""
    edges = [
        0.0,
        *(edge for start, end in words for edge in (start - MARGIN_SECONDS, end + MARGIN_SECONDS)),
        speech.size * FRAME_SECONDS,
    ]
    gaps = zip(edges[::2], edges[1::2], strict=True)
    return [found for start, end in gaps if (found := _speech_in(speech, start, end))]


def _speech_in(speech: NDArray[np.bool_], start: float, end: float) -> Span | None:
    """From the first to the last speech between two times; None when there is too little."""
    first = max(0, round(start / FRAME_SECONDS))
    frames = np.flatnonzero(speech[first : max(first, round(end / FRAME_SECONDS))])
    if frames.size * FRAME_SECONDS < MIN_SPEECH_SECONDS:
        return None
    return (first + int(frames[0])) * FRAME_SECONDS, (first + int(frames[-1]) + 1) * FRAME_SECONDS
