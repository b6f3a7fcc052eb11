"""The blocks of HiFi-GAN, which turn frames into samples step by step."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

SLOPE = 0.1
"""Of the leaky rectifiers, but for the last."""


class ResidualBlock(nn.Module):
    """Pairs of convolutions with wider and wider gaps. Keeps its shape, (batch, channels, time)."""

    def __init__(self, channels: int, kernel: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, dilation=gap, padding=gap * (kernel - 1) // 2) for gap in dilations
        )
        self.convs2 = nn.ModuleList(nn.Conv1d(channels, channels, kernel, padding=(kernel - 1) // 2) for _ in dilations)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        for wide, narrow in zip(self.convs1, self.convs2, strict=True):
            hidden = hidden + narrow(functional.leaky_relu(wide(functional.leaky_relu(hidden, SLOPE)), SLOPE))
        return hidden


class ShortResidualBlock(nn.Module):
    """Single convolutions with gaps: the smaller of the two published blocks."""

    def __init__(self, channels: int, kernel: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, dilation=gap, padding=gap * (kernel - 1) // 2) for gap in dilations
        )

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        for conv in self.convs:
            hidden = hidden + conv(functional.leaky_relu(hidden, SLOPE))
        return hidden


def upsampler(channels: int, kernel: int, rate: int) -> nn.ConvTranspose1d:
    """`rate` times as many steps of half as many channels."""
    return nn.ConvTranspose1d(channels, channels // 2, kernel, rate, padding=(kernel - rate) // 2)


def mean_of(blocks: Sequence[nn.Module], hidden: torch.Tensor) -> torch.Tensor:
    """The mean of what several blocks make."""
    made: torch.Tensor = sum((block(hidden) for block in blocks), torch.zeros((), device=hidden.device)) / len(blocks)
    return made
