"""Makes samples of spectra, frame by frame: pulses at the pitch, filtered, and noise, by an inverse Fourier transform.

    S = exp(lh) exp(i pi tanh(theta)) STFT(pulses(f0)) + exp(ln) Z + exp(lr) exp(i phi)

with Z complex Gaussian noise: https://github.com/MMWilliams/hibari, "ONNX interface". Frames are 300 samples apart, in
Hann windows of 1200.
"""

import numpy as np
from numpy.typing import NDArray

from voicebox_tts.engine import Samples

from .network import FRAME_SAMPLES, Floats

RATE_HZ = 24_000
WINDOW_SAMPLES = 4 * FRAME_SAMPLES
LOWEST_HZ, HIGHEST_HARMONIC_HZ = 40.0, 11_000.0
"""Below the first there is no voice; no harmonic is above the second."""
MOST = 7.0
"""Of the logarithm of a magnitude."""
OVERLAP = 1.5
"""The sum of the squares of the four windows that cover a sample."""

_WINDOW: Floats = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW_SAMPLES) / WINDOW_SAMPLES)).astype(np.float32)
_ANALYSIS: Floats = _WINDOW / np.float32(FRAME_SAMPLES)
"""A cosine of amplitude 1 has the height 1 in the spectrum: half the sum of its window is divided out."""
_SYNTHESIS: Floats = _WINDOW / np.float32(OVERLAP)
_TINY = np.float32(2e-3)


class Vocoder:
    """One piece of text. The same frames give the same samples, however they are cut into pushes."""

    def __init__(self, pitch_hz: Floats, noise: np.random.Generator, formants: float = 1.0) -> None:
        """`pitch_hz`, shape (frames,), is 0 where there is no voice; `formants` is a factor on their frequencies."""
        half = np.zeros(WINDOW_SAMPLES // 2, np.float32)
        self._excitation = np.concatenate([half, pulses(pitch_hz), half])
        self._noise, self._formants = noise, formants
        self._frames = 0
        self._begun: Floats = np.zeros(WINDOW_SAMPLES - FRAME_SAMPLES, np.float32)
        self._to_skip = WINDOW_SAMPLES // 2

    def push(self, spectrum: Floats) -> Samples:
        """The samples that more frames complete; `spectrum` has the shape (5, frames, 601)."""
        count = spectrum.shape[1]
        windows = np.fft.irfft(self._combined(spectrum), WINDOW_SAMPLES, axis=1) * _SYNTHESIS
        quarters = windows.reshape(count, -1, FRAME_SAMPLES)
        sums = np.zeros((count + 3, FRAME_SAMPLES), np.float32)
        sums[:3] = self._begun.reshape(3, FRAME_SAMPLES)
        for quarter in range(4):
            sums[quarter : quarter + count] += quarters[:, quarter]
        self._begun = sums[count:].reshape(-1)
        return self._skipped(sums[:count].reshape(-1))

    def finish(self) -> Samples:
        """The rest, after the last frame."""
        return self._skipped(self._begun[: WINDOW_SAMPLES // 2])

    def _combined(self, spectrum: Floats) -> NDArray[np.complex64]:
        voiced, turn, noise, free, phase = stretched(spectrum, self._formants)
        count = len(voiced)
        begin = self._frames * FRAME_SAMPLES
        self._frames += count
        part = self._excitation[begin : begin + (count - 1) * FRAME_SAMPLES + WINDOW_SAMPLES]
        frames = np.lib.stride_tricks.sliding_window_view(part, WINDOW_SAMPLES)[::FRAME_SAMPLES] * _ANALYSIS
        combined = np.fft.rfft(frames, axis=1).astype(np.complex64, copy=False)
        combined *= _polar(voiced, np.float32(np.pi) * np.tanh(turn))
        gaussian = self._noise.standard_normal((count, 2 * noise.shape[1]), np.float32).view(np.complex64)
        gaussian *= _magnitude(noise)
        combined += gaussian
        combined += _polar(free, phase)
        return combined

    def _skipped(self, samples: Samples) -> Samples:
        """Without what lies before the middle of the first frame."""
        skipped = min(self._to_skip, len(samples))
        self._to_skip -= skipped
        return samples[skipped:]


def stretched(spectrum: Floats, factor: float) -> Floats:
    """A spectrum, shape (..., bins), with all its frequencies multiplied; the last bin fills what is left free."""
    if factor == 1.0:
        return spectrum
    last = spectrum.shape[-1] - 1
    at = np.minimum(np.arange(last + 1) / factor, last)
    below = np.minimum(at.astype(np.int64), last - 1)
    share = (at - below).astype(np.float32)
    between: Floats = spectrum[..., below] * (1 - share) + spectrum[..., below + 1] * share
    return between


def pulses(pitch_hz: Floats) -> Floats:
    """A train of pulses at a pitch, shape (frames * 300,): all its harmonics below 11 kHz, each of amplitude 1.

    The sum of cosines in closed form: sin((n + 1/2) t) / (2 sin(t / 2)) - 1/2.
    """
    frames = np.arange(len(pitch_hz))
    at = (np.arange(len(pitch_hz) * FRAME_SAMPLES) + 0.5) / FRAME_SAMPLES - 0.5
    hz = np.interp(at, frames, pitch_hz)
    voiced = hz > LOWEST_HZ
    hz = np.maximum(hz, LOWEST_HZ)
    phase = (2 * np.pi * np.modf(np.cumsum(hz) / RATE_HZ)[0]).astype(np.float32)
    harmonics = (np.floor(HIGHEST_HARMONIC_HZ / hz) + 0.5).astype(np.float32)
    below = 2 * np.sin(phase / 2)
    at_peak = np.abs(below) <= _TINY
    sums = np.where(at_peak, harmonics, np.sin(harmonics * phase) / np.where(at_peak, 1, below))
    train: Floats = np.where(voiced, sums - np.float32(0.5), 0).astype(np.float32)
    return train


def _polar(magnitude: Floats, phase: Floats) -> NDArray[np.complex64]:
    turned = np.empty(phase.shape, np.complex64)
    np.cos(phase, out=turned.real)
    np.sin(phase, out=turned.imag)
    turned *= _magnitude(magnitude)
    return turned


def _magnitude(logarithm: Floats) -> Floats:
    magnitude: Floats = np.exp(np.minimum(logarithm, MOST))
    return magnitude
