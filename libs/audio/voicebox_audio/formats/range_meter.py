"""Measures what of a file's samples is beyond [-1, 1], or is no number: only float formats can hold such."""

import numpy as np

from voicebox_audio.pcm import Frames

_TOLERANCE = 0.05
"""Clipping of 0.4 dB is inaudible."""


class RangeMeter:
    """Counts over all samples of all channels, before they are clipped."""

    def __init__(self) -> None:
        self._count = 0
        self._not_numbers = 0
        self._over = 0
        self._peak = 0.0

    def push(self, frames: Frames) -> None:
        """The next samples."""
        levels = np.abs(frames)
        self._count += levels.size
        highest = float(levels.max(initial=0.0))
        if highest <= 1.0 + _TOLERANCE:  # false for NaN
            self._peak = max(self._peak, highest)
            return
        finite = levels[np.isfinite(levels)]
        self._not_numbers += levels.size - finite.size
        self._over += int(np.count_nonzero(finite > 1.0 + _TOLERANCE))
        self._peak = max(self._peak, float(finite.max(initial=0.0)))

    @property
    def result(self) -> dict[str, float]:
        """The totals, as fields of the last message."""
        return {"peak": self._peak, "over_ratio": self._over / max(self._count, 1), "not_numbers": self._not_numbers}
