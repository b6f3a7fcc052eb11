"""The K-weighting of ITU-R BS.1770-4, annex 1: how loud a frequency seems.

Its two filters are those of B. De Man, "Evaluation of Implementations of the EBU R128 Loudness Measurement", AES 145
(2018), which hold for any sampling rate. They are applied by their impulse response, in the frequency domain: numpy has
no recursive filter, and a library that has one takes a second to import.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .pcm import Samples

RESPONSE_SECONDS = 0.1
"""The high-pass at 38 Hz has died away by 100 dB and more then."""
MAX_TRANSFORM = 1 << 15

Signal = NDArray[np.float64]
Coefficients = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Of a filter of second order: b and a."""


class KWeighting:
    """Weights a mono stream at `sample_rate_hz` that comes in pieces; any pieces give the same samples."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._response = _response(sample_rate_hz)
        self._before: Signal = np.zeros(self._response.size - 1)

    def push(self, samples: Samples) -> Signal:
        """The weighted samples, as many as came."""
        joined = np.concatenate((self._before, samples.astype(np.float64)))
        self._before = joined[samples.size :]
        size = min(max(1 << (joined.size - 1).bit_length(), 2), MAX_TRANSFORM)
        step = size - self._before.size
        spectrum = np.fft.rfft(self._response, size)
        pieces = [
            self._weighted(joined[begin : begin + size], spectrum, size) for begin in range(0, samples.size, step)
        ]
        return np.concatenate(pieces)[: samples.size] if pieces else np.zeros(0)

    def _weighted(self, piece: Signal, spectrum: NDArray[np.complex128], size: int) -> Signal:
        return np.fft.irfft(np.fft.rfft(piece, size) * spectrum, size)[self._before.size :]


@lru_cache(maxsize=16)
def _response(sample_rate_hz: int) -> Signal:
    impulse = [1.0] + [0.0] * round(RESPONSE_SECONDS * sample_rate_hz)
    return np.array(_filtered(_filtered(impulse, _high_shelf(sample_rate_hz)), _high_pass(sample_rate_hz)))


def _filtered(samples: list[float], coefficients: Coefficients) -> list[float]:
    """Direct form II, transposed."""
    (b0, b1, b2), (_, a1, a2) = coefficients
    first, second, filtered = 0.0, 0.0, []
    for sample in samples:
        output = b0 * sample + first
        first, second = b1 * sample - a1 * output + second, b2 * sample - a2 * output
        filtered.append(output)
    return filtered


def _high_shelf(sample_rate_hz: int) -> Coefficients:
    """The head, as a sphere: 4 dB more above 1.7 kHz."""
    k, quality = math.tan(math.pi * 1681.9744509555319 / sample_rate_hz), 0.7071752369554193
    high = 10 ** (3.99984385397 / 20)
    band = high**0.499666774155
    a0 = 1 + k / quality + k * k
    b = ((high + band * k / quality + k * k) / a0, 2 * (k * k - high) / a0, (high - band * k / quality + k * k) / a0)
    return b, (1.0, 2 * (k * k - 1) / a0, (1 - k / quality + k * k) / a0)


def _high_pass(sample_rate_hz: int) -> Coefficients:
    """The revised low-frequency B curve: less below 38 Hz."""
    k, quality = math.tan(math.pi * 38.13547087613982 / sample_rate_hz), 0.5003270373253953
    a0 = 1 + k / quality + k * k
    return (1.0, -2.0, 1.0), (1.0, 2 * (k * k - 1) / a0, (1 - k / quality + k * k) / a0)
