"""Between the latents of what is said and those of who speaks, in both directions, by the keys of RVC's `flow`; and the
posterior encoder `enc_q` of training, which is made of the same parts.
"""

import torch
from torch import nn

from .config import SynthesizerConfig

_FLOWS, _FLOW_LAYERS, _POSTERIOR_LAYERS, _KERNEL = 4, 3, 16, 5


class WaveNet(nn.Module):
    """Gated convolutions that know the speaker. Keeps its shape, (batch, channels, time)."""

    def __init__(self, channels: int, layers: int, speaker_size: int) -> None:
        super().__init__()
        self.channels = channels
        self.cond_layer = nn.Conv1d(speaker_size, 2 * channels * layers, 1)
        self.in_layers = nn.ModuleList(
            nn.Conv1d(channels, 2 * channels, _KERNEL, padding=_KERNEL // 2) for _ in range(layers)
        )
        self.res_skip_layers = nn.ModuleList(
            nn.Conv1d(channels, channels if layer == layers - 1 else 2 * channels, 1) for layer in range(layers)
        )

    def forward(self, hidden: torch.Tensor, speaker: torch.Tensor) -> torch.Tensor:
        """`speaker` has shape (batch, speaker_size, 1)."""
        conditions = self.cond_layer(speaker).split(2 * self.channels, 1)
        made = torch.zeros_like(hidden)
        for convolution, last, condition in zip(self.in_layers, self.res_skip_layers, conditions, strict=True):
            value, gate = (convolution(hidden) + condition).chunk(2, 1)
            both = last(value.tanh() * gate.sigmoid())
            if both.shape[1] == self.channels:
                whole: torch.Tensor = made + both
                return whole
            hidden, made = hidden + both[:, : self.channels], made + both[:, self.channels :]
        return made


class Coupling(nn.Module):
    """Moves half of the channels by what the other half is."""

    def __init__(self, config: SynthesizerConfig) -> None:
        super().__init__()
        half = config.latent // 2
        self.pre = nn.Conv1d(half, config.hidden, 1)
        self.enc = WaveNet(config.hidden, _FLOW_LAYERS, config.speaker_size)
        self.post = nn.Conv1d(config.hidden, half, 1)

    def forward(self, latents: torch.Tensor, speaker: torch.Tensor, direction: int) -> torch.Tensor:
        """`direction` is 1 from the speaker's latents, -1 back to them."""
        first, second = latents.chunk(2, 1)
        moved = second + direction * self.post(self.enc(self.pre(first), speaker))
        return torch.cat([first, moved], 1)


class Flow(nn.Module):
    """Couplings, and between them the channels in reverse."""

    def __init__(self, config: SynthesizerConfig) -> None:
        super().__init__()
        # The published places: between two couplings stands a flip, which has no weights.
        self.flows = nn.ModuleDict({str(2 * place): Coupling(config) for place in range(_FLOWS)})

    def forward(self, latents: torch.Tensor, speaker: torch.Tensor) -> torch.Tensor:
        """From the latents of a speaker to those of what is said."""
        for coupling in self.flows.values():
            latents = coupling(latents, speaker, 1).flip(1)
        return latents

    def reverse(self, latents: torch.Tensor, speaker: torch.Tensor) -> torch.Tensor:
        """From the latents of what is said to those of a speaker."""
        for coupling in reversed(list(self.flows.values())):
            latents = coupling(latents.flip(1), speaker, -1)
        return latents


class PosteriorEncoder(nn.Module):
    """From a spectrum, shape (batch, bins, time), to the mean and the logarithm of the deviation of its latents."""

    def __init__(self, config: SynthesizerConfig) -> None:
        super().__init__()
        self.pre = nn.Conv1d(config.spectrum, config.hidden, 1)
        self.enc = WaveNet(config.hidden, _POSTERIOR_LAYERS, config.speaker_size)
        self.proj = nn.Conv1d(config.hidden, 2 * config.latent, 1)

    def forward(self, spectrum: torch.Tensor, speaker: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, log_deviation = self.proj(self.enc(self.pre(spectrum), speaker)).chunk(2, 1)
        return mean, log_deviation
