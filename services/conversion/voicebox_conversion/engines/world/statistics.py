"""What is typical of a speaker: pitch and spectral envelope, as mean and deviation, over a recording or so far."""

from dataclasses import dataclass

import numpy as np

from .vocoder import FRAMES_PER_SECOND, ORDER, Array, Frames

MAX_WEIGHT = 60.0 * FRAMES_PER_SECOND
"""Of what came before, in frames of speech: a stream that lasts forgets slowly, and follows a change of its speaker."""
_LEAST_DEVIATION = 1e-3
_QUIET_NEPER = 0.5
"""Frames that are this much below the mean loudness of voiced ones, 17 dB in amplitude, are pauses."""


@dataclass(frozen=True)
class Statistics:
    """Means and deviations of the logarithm of the pitch in hertz, and of each cepstral coefficient, shape (ORDER,)."""

    pitch_mean: float
    pitch_deviation: float
    mean: Array
    deviation: Array


class RunningStatistics:
    """The statistics of the speech so far, which begin as `prior` and keep it with the weight of so many frames."""

    def __init__(self, prior: Statistics | None = None, prior_frames: float = 0.0) -> None:
        self._pitch = _Moments(1)
        self._cepstra = _Moments(ORDER)
        self._loudness = _Moments(1)
        if prior is not None:
            self._pitch.assume(np.array([prior.pitch_mean]), np.array([prior.pitch_deviation]), prior_frames)
            self._cepstra.assume(prior.mean, prior.deviation, prior_frames)

    @property
    def voiced_frames(self) -> float:
        """How much of the pitch is known."""
        return self._pitch.weight

    def add(self, frames: Frames) -> None:
        """Take frames into account, but for pauses."""
        voiced = frames.is_voiced
        if not voiced.any() and not self._loudness.weight:
            return
        self._pitch.add(np.log(frames.f0_hz[voiced])[:, None])
        self._loudness.add(frames.cepstra[voiced, :1])
        loud = frames.cepstra[:, 0] > self._loudness.mean[0] - _QUIET_NEPER
        self._cepstra.add(frames.cepstra[loud | voiced])

    def current(self) -> Statistics:
        """The statistics now."""
        return Statistics(
            float(self._pitch.mean[0]), float(self._pitch.deviation[0]), self._cepstra.mean, self._cepstra.deviation
        )


class _Moments:
    """Weighted mean and deviation of vectors."""

    def __init__(self, size: int) -> None:
        self.weight = 0.0
        self.mean: Array = np.zeros(size)
        self._scatter: Array = np.zeros(size)

    @property
    def deviation(self) -> Array:
        """Never 0: it divides."""
        return np.maximum(np.sqrt(self._scatter / max(self.weight, 1.0)), _LEAST_DEVIATION)

    def assume(self, mean: Array, deviation: Array, weight: float) -> None:
        self.mean, self._scatter, self.weight = mean.copy(), deviation**2 * weight, weight

    def add(self, values: Array) -> None:
        """Values of shape (n, size), by Chan et al. 1979: no sum grows with the stream."""
        count = len(values)
        if not count:
            return
        kept = min(self.weight, MAX_WEIGHT)
        self._scatter *= kept / self.weight if self.weight else 0.0
        mean, total = values.mean(axis=0), kept + count
        apart = mean - self.mean
        self._scatter = self._scatter + ((values - mean) ** 2).sum(axis=0) + apart**2 * kept * count / total
        self.mean = self.mean + apart * count / total
        self.weight = total
