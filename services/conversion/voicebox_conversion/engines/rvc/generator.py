"""Latents become samples, guided by a sine of the pitch: NSF-HiFiGAN, by the keys of RVC's `dec`."""

import math

import torch
from torch import nn
from torch.nn import functional

from voicebox_conversion.engines.speech.hifigan import SLOPE, ResidualBlock, ShortResidualBlock, mean_of, upsampler

from .config import SynthesizerConfig

SINE, NOISE = 0.1, 0.003
"""The amplitude of the sine, and the deviation of what is added to it; without a pitch there is noise of a third of the
sine's amplitude.
"""


class Source(nn.Module):
    """What the voice is made of before the mouth shapes it."""

    def __init__(self) -> None:
        super().__init__()
        self.l_linear = nn.Linear(1, 1)

    def forward(self, sine: torch.Tensor) -> torch.Tensor:
        """Keeps shape (batch, 1, samples)."""
        made: torch.Tensor = self.l_linear(sine.transpose(1, 2)).tanh().transpose(1, 2)
        return made


def excitation(turns: torch.Tensor, f0_hz: torch.Tensor, noise: torch.Tensor, rate_hz: int) -> torch.Tensor:
    """The sine of a pitch, shape (batch, 1, samples), and noise where there is none.

    `turns` are those before each frame, and only their fractions matter; `f0_hz` is 0 for unvoiced frames; both have
    shape (batch, frames). `noise` is normally distributed, of shape (batch, samples).
    """
    hop = noise.shape[1] // f0_hz.shape[1]
    within = torch.arange(1, hop + 1, device=f0_hz.device)
    phase = (turns % 1.0)[..., None] + f0_hz[..., None] / rate_hz * within
    voiced = (f0_hz > 0).to(noise.dtype)[..., None]
    loudness = voiced * NOISE + (1 - voiced) * SINE / 3
    made = SINE * torch.sin(2 * math.pi * (phase % 1.0)) * voiced + loudness * torch.unflatten(noise, 1, (-1, hop))
    return made.flatten(1)[:, None]


class Generator(nn.Module):
    """From latents, shape (batch, latent, frames), to samples, shape (batch, samples)."""

    def __init__(self, config: SynthesizerConfig) -> None:
        super().__init__()
        channels, block = config.upsample_channels, ResidualBlock if config.block == "1" else ShortResidualBlock
        self.kernels = len(config.block_kernels)
        self.conv_pre = nn.Conv1d(config.latent, channels, 7, padding=3)
        self.cond = nn.Conv1d(config.speaker_size, channels, 1)
        self.ups, self.resblocks = nn.ModuleList(), nn.ModuleList()
        self.noise_convs = nn.ModuleList() if config.has_pitch else None
        self.m_source = Source() if config.has_pitch else None
        for place, (rate, kernel) in enumerate(zip(config.upsample_rates, config.upsample_kernels, strict=True)):
            self.ups.append(upsampler(channels, kernel, rate))
            channels //= 2
            for block_kernel, gaps in zip(config.block_kernels, config.block_dilations, strict=True):
                self.resblocks.append(block(channels, block_kernel, gaps))
            if self.noise_convs is not None:
                self.noise_convs.append(_down(channels, math.prod(config.upsample_rates[place + 1 :])))
        self.conv_post = nn.Conv1d(channels, 1, 7, padding=3, bias=False)

    def forward(self, latents: torch.Tensor, speaker: torch.Tensor, sine: torch.Tensor | None) -> torch.Tensor:
        """`sine` is the excitation of a model with a pitch."""
        source = self.m_source(sine) if self.m_source is not None and sine is not None else None
        hidden = self.conv_pre(latents) + self.cond(speaker)
        for place, up in enumerate(self.ups):
            hidden = up(functional.leaky_relu(hidden, SLOPE))
            if self.noise_convs is not None and source is not None:
                hidden = hidden + self.noise_convs[place](source)
            hidden = mean_of(list(self.resblocks[place * self.kernels : (place + 1) * self.kernels]), hidden)
        made: torch.Tensor = self.conv_post(functional.leaky_relu(hidden)).tanh()[:, 0]
        return made


def _down(channels: int, rate: int) -> nn.Conv1d:
    """The source at the rate of one step of the upsampling."""
    if rate == 1:
        return nn.Conv1d(1, channels, 1)
    return nn.Conv1d(1, channels, 2 * rate, rate, padding=rate // 2)
