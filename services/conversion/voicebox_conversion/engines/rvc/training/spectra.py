"""Spectra of the samples of frames, and how loud they are on the mel scale."""

import math
from functools import cache

import torch
from torch.nn import functional

from voicebox_conversion.engines.rvc.config import SynthesizerConfig

_BANDS = {32_000: 80, 40_000: 125, 48_000: 128}
_LINEAR_HZ, _STEP_HZ, _LOG_STEP = 1000.0, 200.0 / 3, math.log(6.4) / 27
"""Slaney's mel scale: linear up to 1 kHz, then logarithmic."""
_LEAST = 1e-5


def spectrum(samples: torch.Tensor, config: SynthesizerConfig) -> torch.Tensor:
    """The magnitudes of samples, shape (batch, samples), as (batch, bins, frames); one frame for each hop."""
    size = 2 * (config.spectrum - 1)
    padding = (size - config.hop_samples) // 2
    padded = functional.pad(samples[:, None], (padding, size - config.hop_samples - padding), "reflect")[:, 0]
    window = torch.hann_window(size, device=samples.device)
    made = torch.stft(padded, size, config.hop_samples, size, window, center=False, return_complex=True)
    return (made.real**2 + made.imag**2 + 1e-6).sqrt()


def log_mel(magnitudes: torch.Tensor, config: SynthesizerConfig) -> torch.Tensor:
    """The logarithm of their loudness in bands, shape (batch, bands, frames)."""
    bands = filters(config.rate_hz, config.spectrum, _BANDS[config.rate_hz]).to(magnitudes.device)
    return (bands @ magnitudes).clamp(min=_LEAST).log()


@cache
def filters(rate_hz: int, bins: int, bands: int) -> torch.Tensor:
    """Triangles of equal area, shape (bands, bins)."""
    edges = _hertz(torch.linspace(0.0, _mel(rate_hz / 2), bands + 2))
    hertz = torch.linspace(0.0, rate_hz / 2, bins)
    rising = (hertz[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - hertz[None]) / (edges[2:] - edges[1:-1])[:, None]
    return torch.minimum(rising, falling).clamp(min=0) * (2.0 / (edges[2:] - edges[:-2]))[:, None]


def _mel(hertz: float) -> float:
    linear = _LINEAR_HZ / _STEP_HZ
    return hertz / _STEP_HZ if hertz < _LINEAR_HZ else linear + math.log(hertz / _LINEAR_HZ) / _LOG_STEP


def _hertz(mel: torch.Tensor) -> torch.Tensor:
    linear = _LINEAR_HZ / _STEP_HZ
    return torch.where(mel < linear, mel * _STEP_HZ, _LINEAR_HZ * ((mel - linear) * _LOG_STEP).exp())
