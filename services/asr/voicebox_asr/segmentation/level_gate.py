"""Separates loud frames from the background of the same recording."""

from collections import deque

import numpy as np

from voicebox_asr.engine import Samples

FLOOR_FRAMES = 100
"""The background is the level of the quietest 5 % of the last 3 s (frames of 30 ms)."""

PEAK_DECAY_DB = 0.1
"""A loud frame counts for less as time goes by: 3.3 dB a second."""

MARGIN_DB = 6.0
"""A frame this much over the background is loud in any case of low dynamics."""

SHARE = 0.3
"""A frame is loud over this share of the way from the background to the peak, in dB."""

LOUD_PEAK = 0.3
"""Speech of ordinary recordings peaks at -10 dBFS; WebRTC's detector takes what peaks below -25 dBFS for silence."""

MAX_GAIN = 30.0
"""30 dB: what peaks below -40 dBFS is rarely speech."""

FRAME_DECAY = 0.9988
"""The loudest counts for half after 17 s (frames of 30 ms): a door that slams does not hide speech for long."""

DYNAMIC_DB = 10.0
"""Speech exceeds its background by more than this, steady noise never: only such audio is amplified."""

SILENCE_DB = -60.0
"""Nothing below is loud: -60 dBFS is under the noise of any microphone in a room."""


class LevelGate:
    """Follows one stream's background and peak."""

    def __init__(self) -> None:
        self._levels: deque[float] = deque(maxlen=FLOOR_FRAMES)
        self._peak = SILENCE_DB
        self.over_background_db = 0.0
        """How much the last frame stood out of the background."""

    def is_loud(self, frame: Samples) -> bool:
        """Whether a frame stands out of the background."""
        level = 10.0 * float(np.log10(np.dot(frame, frame) / frame.size + 1e-10))
        self._levels.append(level)
        self._peak = max(level, self._peak - PEAK_DECAY_DB)
        floor = sorted(self._levels)[len(self._levels) // 20]
        self.over_background_db = level - floor
        return level > max(
            SILENCE_DB, min(floor + max(MARGIN_DB, SHARE * (self._peak - floor)), self._peak - MARGIN_DB)
        )


class AutomaticGain:
    """Raises a quiet stream to the level that voice activity detectors expect, by its recent peak."""

    def __init__(self) -> None:
        self._peak = LOUD_PEAK / MAX_GAIN

    def apply(self, frame: Samples) -> Samples:
        """A frame, louder where the stream is quiet; never quieter."""
        self._peak = max(self._peak * FRAME_DECAY, LOUD_PEAK / MAX_GAIN, float(np.abs(frame).max()))
        return frame * np.float32(max(1.0, LOUD_PEAK / self._peak))
