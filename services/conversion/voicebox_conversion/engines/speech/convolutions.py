"""The beginning of an encoder: samples become 50 vectors a second, and know where they stand."""

import torch
from torch import nn
from torch.nn import functional

from .config import EncoderConfig


class Convolution(nn.Module):
    """One convolution with the norm that it may have. Takes and gives shape (batch, channels, time)."""

    def __init__(self, config: EncoderConfig, index: int) -> None:
        super().__init__()
        before = config.channels[index - 1] if index else 1
        channels, kernel, stride = config.channels[index], config.kernels[index], config.strides[index]
        self.conv = nn.Conv1d(before, channels, kernel, stride, bias=config.has_conv_bias)
        self.normalizes_each = config.normalizes_each
        if config.normalizes_each:
            self.layer_norm: nn.Module | None = nn.LayerNorm(channels)
        else:
            self.layer_norm = nn.GroupNorm(channels, channels) if index == 0 else None

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.conv(samples)
        if self.layer_norm is not None:
            made = (
                self.layer_norm(made.transpose(1, 2)).transpose(1, 2) if self.normalizes_each else self.layer_norm(made)
            )
        return functional.gelu(made)


class FeatureExtractor(nn.Module):
    """From samples, shape (batch, samples), to shape (batch, frames, channels)."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.conv_layers = nn.ModuleList(Convolution(config, index) for index in range(len(config.channels)))

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        made = samples[:, None]
        for layer in self.conv_layers:
            made = layer(made)
        return made.transpose(1, 2)


class FeatureProjection(nn.Module):
    """To the width of the transformer."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(config.channels[-1], eps=config.epsilon)
        self.projection = nn.Linear(config.channels[-1], config.hidden)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.projection(self.layer_norm(features))
        return made


class Position(nn.Module):
    """What is added to each vector, from those around it."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        kernel = config.position_kernel
        self.conv = nn.Conv1d(config.hidden, config.hidden, kernel, padding=kernel // 2, groups=config.position_groups)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        made = self.conv(hidden.transpose(1, 2))[:, :, : hidden.shape[1]]
        return functional.gelu(made).transpose(1, 2)
