"""The mel spectrogram that the speaker encoder reads."""

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from numpy.typing import NDArray
from torch import Tensor

from .config import SAMPLE_RATE_HZ

N_FFT, HOP_LENGTH = 1024, 256
NUM_MELS = 128
FMAX_HZ = 12_000.0
MIN_SAMPLES = N_FFT - HOP_LENGTH

LINEAR_TO_HZ = 1000.0
HZ_PER_MEL = 200.0 / 3
MELS_PER_OCTAVE_FACTOR = 27.0 / np.log(6.4)


def mel_spectrogram(samples: Tensor) -> Tensor:
    """Mono audio at 24 kHz (samples,), at least MIN_SAMPLES to log magnitudes (NUM_MELS, frames), 94 frames a
    second.
    """
    edge = (N_FFT - HOP_LENGTH) // 2
    audio = F.pad(samples[None, None], (edge, edge), mode="reflect")[0, 0]
    window = torch.hann_window(N_FFT, device=samples.device)
    spectrum = torch.stft(audio, N_FFT, HOP_LENGTH, window=window, center=False, return_complex=True)
    magnitudes = (spectrum.real.square() + spectrum.imag.square() + 1e-9).sqrt()
    return (torch.from_numpy(mel_filters()).to(samples.device) @ magnitudes).clamp(min=1e-5).log()


def mel_filters() -> NDArray[np.float32]:
    """The filterbank (NUM_MELS, N_FFT / 2 + 1): triangles of equal area on Slaney's mel scale.

    M. Slaney, "Auditory Toolbox", 1998: linear to 1 kHz, logarithmic above. The same as librosa.filters.mel.
    """
    corners = mel_to_hz(np.linspace(0.0, float(hz_to_mel(np.array(FMAX_HZ))), NUM_MELS + 2))
    frequencies = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE_HZ)
    distances = corners[:, None] - frequencies
    widths = np.diff(corners)[:, None]
    rising, falling = -distances[:-2] / widths[:-1], distances[2:] / widths[1:]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    equal: NDArray[np.float32] = (triangles * 2.0 / (corners[2:] - corners[:-2])[:, None]).astype(np.float32)
    return equal


def hz_to_mel(frequencies_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's scale: 15 mels to 1 kHz, then 27 mels for each factor of 6.4."""
    linear = frequencies_hz / HZ_PER_MEL
    logarithmic = 15.0 + np.log(np.maximum(frequencies_hz, LINEAR_TO_HZ) / LINEAR_TO_HZ) * MELS_PER_OCTAVE_FACTOR
    return np.where(frequencies_hz < LINEAR_TO_HZ, linear, logarithmic)


def mel_to_hz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse."""
    logarithmic = LINEAR_TO_HZ * np.exp((mels - 15.0) / MELS_PER_OCTAVE_FACTOR)
    return np.where(mels < 15.0, mels * HZ_PER_MEL, logarithmic)
