"""Divides a window's speech into stretches, at pauses: each is taken to be in one language."""

import numpy as np
from numpy.typing import NDArray

from .coverage import Span
from .windows import FRAME_SECONDS

PAUSE_SECONDS = 0.25
"""Shorter silence is within a sentence."""

SHORTEST_SECONDS = 3.0
"""In less sound a language is not told reliably."""


def stretches(speech: NDArray[np.bool_], seconds: float) -> list[Span]:
    """A window of so many seconds, without gaps. `speech` says which of its frames hold speech, shape (frames,)."""
    cuts = [0.0]
    for pause in _pauses(speech):
        if min(pause - cuts[-1], seconds - pause) >= SHORTEST_SECONDS:
            cuts.append(pause)
    return list(zip(cuts, [*cuts[1:], seconds], strict=True))


def _pauses(speech: NDArray[np.bool_]) -> list[float]:
    """The middle of each silence between speech that is long enough, in seconds."""
    spoken = np.flatnonzero(speech)
    edges = np.flatnonzero(np.diff(spoken) * FRAME_SECONDS > PAUSE_SECONDS)
    return [float(spoken[edge] + spoken[edge + 1] + 1) / 2 * FRAME_SECONDS for edge in edges]
