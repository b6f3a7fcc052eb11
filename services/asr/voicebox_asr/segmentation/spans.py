"""Divides a window's speech into spans, at pauses: each is assumed to be in one language."""

import numpy as np
from numpy.typing import NDArray

from .coverage import Span
from .windows import FRAME_SECONDS

PAUSE_SECONDS = 0.25
"""Shorter silence is within a sentence."""

MIN_SPAN_SECONDS = 3.0
"""In less audio a language is not detected reliably."""


def language_spans(speech: NDArray[np.bool_], seconds: float) -> list[Span]:
    """The spans of a window of `seconds`, without gaps. `speech` marks its frames with speech, shape (frames,)."""
    cuts = [0.0]
    for pause in _pauses(speech):
        if min(pause - cuts[-1], seconds - pause) >= MIN_SPAN_SECONDS:
            cuts.append(pause)
    return list(zip(cuts, [*cuts[1:], seconds], strict=True))


def _pauses(speech: NDArray[np.bool_]) -> list[float]:
    """The middle of each silence between speech that is long enough, in seconds."""
    spoken = np.flatnonzero(speech)
    edges = np.flatnonzero(np.diff(spoken) * FRAME_SECONDS > PAUSE_SECONDS)
    return [float(spoken[edge] + spoken[edge + 1] + 1) / 2 * FRAME_SECONDS for edge in edges]
