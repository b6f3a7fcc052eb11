"""How loud audio is."""

import math

import numpy as np

from .pcm import Samples

SILENCE_DBFS = -120.0
"""What silence and the empty array measure: far below 16 bits' last step (-90 dBFS)."""
PEAK_CEILING = 10 ** (-1 / 20)
"""The highest peak that `normalize` makes: -1 dBFS, so that lossy codecs and resampling do not clip."""


def peak(samples: Samples) -> float:
    """The greatest absolute sample, 0 for none."""
    return float(np.abs(samples).max(initial=0.0))


def rms_dbfs(samples: Samples) -> float:
    """The root mean square in dB below full scale, where a full-scale square wave is 0 and a full-scale sine -3.01; at
    least -120.
    """
    power = float(np.mean(np.square(samples, dtype=np.float64))) if samples.size else 0.0
    return max(10 * math.log10(power), SILENCE_DBFS) if power > 0 else SILENCE_DBFS


def normalize(samples: Samples, target_rms_dbfs: float = -23.0) -> Samples:
    """The samples scaled to the asked root mean square, or less where their peak would exceed -1 dBFS. Silence stays as
    it is.
    """
    level = rms_dbfs(samples)
    if level <= SILENCE_DBFS:
        return samples
    gain = min(10 ** ((target_rms_dbfs - level) / 20), PEAK_CEILING / peak(samples))
    return samples * np.float32(gain)
