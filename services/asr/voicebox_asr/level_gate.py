"""Tells loud frames from the background of the same recording."""

from collections import deque

import numpy as np

from .engine import Samples

FLOOR_FRAMES = 100
"""The background is what the quietest 5 % of the last 3 s sound like (frames of 30 ms)."""

PEAK_DECAY_DB = 0.1
"""A loud frame counts for less as time goes by: 3.3 dB a second."""

MARGIN_DB = 6.0
"""A frame this much over the background is loud in any case of low dynamics."""

SHARE = 0.3
"""A frame is loud over this share of the way from the background to the peak, in dB."""

SILENCE_DB = -60.0
"""Nothing below is loud: -60 dBFS is under the noise of any microphone in a room."""


class LevelGate:
    """Follows one stream's background and peak."""

    def __init__(self) -> None:
        self._levels: deque[float] = deque(maxlen=FLOOR_FRAMES)
        self._peak = SILENCE_DB

    def is_loud(self, frame: Samples) -> bool:
        """Whether a frame stands out of the background."""
        level = 10.0 * float(np.log10(np.dot(frame, frame) / frame.size + 1e-10))
        self._levels.append(level)
        self._peak = max(level, self._peak - PEAK_DECAY_DB)
        floor = sorted(self._levels)[len(self._levels) // 20]
        return level > max(SILENCE_DB, min(floor + max(MARGIN_DB, SHARE * (self._peak - floor)), self._peak - MARGIN_DB))
