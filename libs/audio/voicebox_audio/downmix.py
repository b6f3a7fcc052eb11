"""Several channels become one, and none of them cancels another."""

import numpy as np

from .pcm import Frames, Samples

CANCELLED_RATIO = 0.03
"""When the mean has less power than this share (-15 dB) of its channels', they cancel: a cable with one pole reversed,
or a karaoke effect. Two voices that have nothing to do with each other keep a half.
"""
MEMORY_FRAMES = 8_000
"""How far the powers reach back, about: half a second at 16 kHz, so that one syllable does not decide."""


class Downmixer:
    """Mixes a stream of frames to one channel: the mean of all, or the strongest alone while the mean cancels it."""

    def __init__(self) -> None:
        self._mean_power = 0.0
        self._powers = np.zeros(0)

    def push(self, frames: Frames) -> Samples:
        """Frames of shape (n, channels) as samples of shape (n,)."""
        if frames.shape[1] == 1 or not len(frames):
            return frames[:, 0]
        mean: Samples = frames.mean(axis=1, dtype=np.float32)
        if self._powers.size != frames.shape[1]:
            self._mean_power, self._powers = 0.0, np.zeros(frames.shape[1])
        weight = max(1 - len(frames) / MEMORY_FRAMES, 0.0)
        self._mean_power = weight * self._mean_power + float(np.square(mean, dtype=np.float64).sum())
        self._powers = weight * self._powers + np.square(frames, dtype=np.float64).sum(axis=0)
        if self._mean_power < CANCELLED_RATIO * self._powers.mean():
            return frames[:, int(self._powers.argmax())]
        return mean
