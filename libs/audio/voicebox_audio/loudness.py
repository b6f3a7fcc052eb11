"""Loudness by ITU-R BS.1770-4, and the true peak, measured while samples pass."""

import math

import numpy as np
from numpy.typing import NDArray

from .k_weighting import KWeighting
from .pcm import Samples
from .resample import Resampler

SILENCE_LUFS = -120.0
"""What silence measures."""
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
STEPS_PER_BLOCK = 4
"""Blocks of 400 ms begin every 100 ms."""
OVERSAMPLING = 4
"""By this the recommendation finds the peaks between samples, annex 2."""


class LoudnessMeter:
    """Takes a mono stream at `sample_rate_hz` in pieces."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._weighting = KWeighting(sample_rate_hz)
        self._step_samples = sample_rate_hz // 10
        self._rest: NDArray[np.float64] = np.zeros(0)
        self._step_powers: list[NDArray[np.float64]] = []
        self._oversampler = Resampler(sample_rate_hz, OVERSAMPLING * sample_rate_hz)
        self._peak = 0.0

    def push(self, samples: Samples) -> None:
        """Take samples, shape (n,)."""
        self._watch_peak(samples)
        self._watch_peak(self._oversampler.push(samples))
        joined = np.concatenate((self._rest, self._weighting.push(samples)))
        whole = joined.size - joined.size % self._step_samples
        self._step_powers.append(np.square(joined[:whole]).reshape(-1, self._step_samples).mean(axis=1))
        self._rest = joined[whole:]

    def finish(self) -> None:
        """Nothing more comes."""
        self._watch_peak(self._oversampler.finish())

    @property
    def true_peak(self) -> float:
        """The greatest absolute sample, also between the samples that there are."""
        return self._peak

    @property
    def lufs(self) -> float:
        """The integrated loudness, at least SILENCE_LUFS. What is shorter than a block is one block."""
        steps = np.concatenate([*self._step_powers, np.zeros(0)])
        if steps.size < STEPS_PER_BLOCK:
            count = steps.size * self._step_samples + self._rest.size
            total = float(steps.sum()) * self._step_samples + float(np.square(self._rest).sum())
            return _lufs(total / max(count, 1))
        blocks = np.convolve(steps, np.full(STEPS_PER_BLOCK, 1 / STEPS_PER_BLOCK), "valid")
        loud = blocks[blocks > _power(ABSOLUTE_GATE_LUFS)]
        if not loud.size:
            return _lufs(float(blocks.mean()))
        gate = loud.mean() * 10 ** (RELATIVE_GATE_LU / 10)
        return _lufs(float(loud[loud > gate].mean()))

    def _watch_peak(self, samples: Samples) -> None:
        self._peak = max(self._peak, float(np.abs(samples).max(initial=0.0)))


def gain_to(lufs: float, samples: Samples, sample_rate_hz: int) -> float:
    """The factor that makes samples so loud, or less where their greatest would exceed full scale; 1 for silence."""
    meter = LoudnessMeter(sample_rate_hz)
    meter.push(samples)
    if meter.lufs <= ABSOLUTE_GATE_LUFS:
        return 1.0
    return min(10 ** ((lufs - meter.lufs) / 20), 1 / float(np.abs(samples).max()))


def _lufs(power: float) -> float:
    return max(-0.691 + 10 * math.log10(power), SILENCE_LUFS) if power > 0 else SILENCE_LUFS


def _power(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))
