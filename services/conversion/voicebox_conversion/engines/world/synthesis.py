"""Makes samples of frames, as they come: pulses at the pitch through the periodic part of the spectrum, and noise
through the rest, both of minimum phase.

After the synthesis of WORLD, with the noise made frame by frame, so that nothing depends on a later frame.
"""

import numpy as np
from numpy.typing import NDArray

from voicebox_conversion.engine import Samples

from .vocoder import BINS, FFT_SAMPLES, HOP_SAMPLES, SAMPLE_RATE_HZ, Array

NOISE_SEED = 1
_NOISE_WINDOW = np.sin(np.pi * (np.arange(2 * HOP_SAMPLES) + 0.5) / (2 * HOP_SAMPLES))
"""Two of them side by side have the power of one everywhere."""
_FLOOR = 1e-12
_RADIANS = -2j * np.pi * np.arange(BINS) / FFT_SAMPLES
_RAMP = np.arange(HOP_SAMPLES) / HOP_SAMPLES


class Synthesizer:
    """One stream's state. Frame i becomes the samples around i * HOP_SAMPLES."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(NOISE_SEED)
        self._phase = 0.0
        self._tail = np.zeros(FFT_SAMPLES + 3 * HOP_SAMPLES)
        self._previous: tuple[float, Array, Array] | None = None

    def push(self, f0_hz: Array, power: Array, aperiodicity: Array) -> Samples:
        """The samples between the last frame before these and the last of these, shape (frames * HOP_SAMPLES,);
        HOP_SAMPLES fewer at the first call, as that has no frame before.
        """
        if self._previous is not None:
            before = self._previous
            f0_hz = np.concatenate([[before[0]], f0_hz])
            power = np.concatenate([before[1][None], power])
            aperiodicity = np.concatenate([before[2][None], aperiodicity])
        self._previous = (float(f0_hz[-1]), power[-1], aperiodicity[-1])
        hops = len(f0_hz) - 1
        mixed = np.concatenate([self._tail, np.zeros(hops * HOP_SAMPLES)])
        noisy = np.where(f0_hz[:, None] > 0, aperiodicity**2, 1.0)
        self._add_pulses(mixed, f0_hz, power * (1.0 - noisy))
        self._add_noise(mixed, (power * noisy)[:hops])
        made, self._tail = mixed[: hops * HOP_SAMPLES], mixed[hops * HOP_SAMPLES :]
        return made.astype(np.float32)

    def _add_pulses(self, mixed: Array, f0_hz: Array, power: Array) -> None:
        """Pulses where the phase of the pitch passes a whole number."""
        both = (f0_hz[:-1] > 0) & (f0_hz[1:] > 0)
        begin, end = np.where(both, f0_hz[:-1], 0.0), np.where(both, f0_hz[1:], 0.0)
        lone = np.maximum(f0_hz[:-1], f0_hz[1:]) * ~both  # half of the hop at an edge of voicing, at one pitch
        pitch = (begin[:, None] + (end - begin)[:, None] * _RAMP) + lone[:, None] * _edge(f0_hz)
        steps = pitch.ravel() / SAMPLE_RATE_HZ
        phases = self._phase + np.cumsum(steps)
        before = np.concatenate([[self._phase], phases[:-1]])
        at = np.flatnonzero((np.floor(phases) > np.floor(before)) & (steps > 0))
        self._phase = float(phases[-1] % 1.0) if len(phases) else self._phase
        if not len(at):
            return
        late = (phases[at] - np.floor(phases[at])) / steps[at]  # of a sample, since the pulse
        frame = at / HOP_SAMPLES
        low = frame.astype(int)
        share = (frame - low)[:, None]
        spectrum = _minimum_phase(power[low] * (1 - share) + power[low + 1] * share)
        spectrum = spectrum * np.exp(_RADIANS * (1.0 - late)[:, None]) / np.sqrt(steps[at])[:, None]
        spectrum[:, 0] = 0.0
        for start, response in zip(at, np.fft.irfft(spectrum, FFT_SAMPLES), strict=True):
            mixed[start : start + FFT_SAMPLES] += response

    def _add_noise(self, mixed: Array, power: Array) -> None:
        noise = self._random.standard_normal((len(power), 2 * HOP_SAMPLES)) * _NOISE_WINDOW
        spectrum = np.fft.rfft(noise, FFT_SAMPLES) * _minimum_phase(power)
        for hop, response in enumerate(np.fft.irfft(spectrum, FFT_SAMPLES)):
            start = hop * HOP_SAMPLES
            mixed[start : start + FFT_SAMPLES] += response


def _edge(f0_hz: Array) -> Array:
    """Which half of each hop is voiced where only one of its frames is, shape (hops, HOP_SAMPLES)."""
    first = (f0_hz[:-1] > 0)[:, None]
    halves: Array = np.where(first, _RAMP < 0.5, _RAMP >= 0.5).astype(np.float64)
    return halves


def _minimum_phase(power: Array) -> NDArray[np.complex128]:
    """The spectra of minimum phase with these powers, shape (n, BINS): Oppenheim and Schafer, by the cepstrum."""
    cepstrum = np.fft.irfft(0.5 * np.log(np.maximum(power, _FLOOR)), FFT_SAMPLES)
    cepstrum[:, 1 : FFT_SAMPLES // 2] *= 2.0
    cepstrum[:, FFT_SAMPLES // 2 + 1 :] = 0.0
    return np.exp(np.fft.rfft(cepstrum))
