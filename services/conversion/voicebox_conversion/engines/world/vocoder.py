"""Speech as WORLD's parameters, frame by frame: Morise et al. 2016, doi:10.1587/transinf.2015EDP7457.

A frame is a moment every 5 ms: fundamental frequency, spectral envelope, aperiodicity. Each depends on the samples near
it alone, so that a stretch with some context gives the frames of the whole.
"""

from dataclasses import dataclass

import numpy as np
import pyworld
from numpy.typing import NDArray

from voicebox_conversion.engine import Samples

SAMPLE_RATE_HZ = 24_000
HOP_SAMPLES = 120
FRAMES_PER_SECOND = SAMPLE_RATE_HZ // HOP_SAMPLES
HOP_MS = 1000.0 / FRAMES_PER_SECOND
LOWEST_HZ, HIGHEST_HZ = 70.0, 400.0
FFT_SAMPLES = 1024
BINS = FFT_SAMPLES // 2 + 1
ORDER = 40
"""Coefficients of a mel-cepstrum; the first is its loudness."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Frames:
    """n frames: `f0_hz` (n,), 0 where nothing is voiced; `power` and `aperiodicity` (n, BINS); `cepstra` (n, ORDER)."""

    f0_hz: Array
    power: Array
    aperiodicity: Array
    cepstra: Array

    @property
    def is_voiced(self) -> NDArray[np.bool_]:
        """Shape (n,)."""
        voiced: NDArray[np.bool_] = self.f0_hz > 0
        return voiced

    def between(self, part: slice) -> "Frames":
        """Some of them."""
        return Frames(self.f0_hz[part], self.power[part], self.aperiodicity[part], self.cepstra[part])


def analysed(samples: Samples, first: int, last: int) -> Frames:
    """The frames from `first` to before `last` of some audio, whose frame 0 is its first sample. It must go on behind
    the last of them by as much context as their pitch needs.
    """
    audio = np.ascontiguousarray(samples, np.float64)
    f0, times = pyworld.dio(
        audio, SAMPLE_RATE_HZ, f0_floor=LOWEST_HZ, f0_ceil=HIGHEST_HZ, frame_period=HOP_MS
    )  # harvest takes ten times as long
    f0, times = f0[first:last].copy(), times[first:last].copy()
    f0 = pyworld.stonemask(audio, f0, times, SAMPLE_RATE_HZ)
    power = pyworld.cheaptrick(audio, f0, times, SAMPLE_RATE_HZ, fft_size=FFT_SAMPLES)
    aperiodicity = pyworld.d4c(audio, f0, times, SAMPLE_RATE_HZ, fft_size=FFT_SAMPLES)
    return Frames(f0, power, aperiodicity, pyworld.code_spectral_envelope(power, SAMPLE_RATE_HZ, ORDER))


def power_of(cepstra: Array) -> Array:
    """The spectral envelopes, shape (n, BINS), of mel-cepstra."""
    decoded: Array = pyworld.decode_spectral_envelope(np.ascontiguousarray(cepstra), SAMPLE_RATE_HZ, FFT_SAMPLES)
    return decoded
