"""What is said and at which pitch, as the mean and deviation of latents, by the keys of RVC's `enc_p`."""

import math

import torch
from torch import nn
from torch.nn import functional

from voicebox_conversion.engines.speech.hifigan import SLOPE

from .config import PITCH_STEPS, SynthesizerConfig

WINDOW = 10
"""Vectors that are as near as this know how far they are apart."""


class ChannelNorm(nn.Module):
    """A layer norm over the channels of shape (batch, channels, time)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        made = functional.layer_norm(hidden.transpose(1, 2), self.gamma.shape, self.gamma, self.beta, 1e-5)
        return made.transpose(1, 2)


class RelativeAttention(nn.Module):
    """Keeps its shape, (batch, channels, time)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        size = channels // heads
        self.heads = heads
        self.conv_q = nn.Conv1d(channels, channels, 1)
        self.conv_k = nn.Conv1d(channels, channels, 1)
        self.conv_v = nn.Conv1d(channels, channels, 1)
        self.conv_o = nn.Conv1d(channels, channels, 1)
        self.emb_rel_k = nn.Parameter(torch.randn(1, 2 * WINDOW + 1, size) * size**-0.5)
        self.emb_rel_v = nn.Parameter(torch.randn(1, 2 * WINDOW + 1, size) * size**-0.5)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        query, key, value = (self._split(conv(hidden)) for conv in (self.conv_q, self.conv_k, self.conv_v))
        query = query / math.sqrt(query.shape[-1])
        near, exists = self._near(hidden.shape[2], hidden.device)
        near = near.expand(*query.shape[:2], *near.shape)
        of_distance = (query @ self.emb_rel_k.transpose(1, 2)) * exists
        scores = (query @ key.transpose(2, 3)).scatter_add(3, near, of_distance)
        shares = scores.softmax(3)
        made = shares @ value + (shares.gather(3, near) * exists) @ self.emb_rel_v
        joined: torch.Tensor = self.conv_o(made.transpose(2, 3).flatten(1, 2))
        return joined

    def _split(self, hidden: torch.Tensor) -> torch.Tensor:
        """As (batch, heads, time, size)."""
        return torch.unflatten(hidden, 1, (self.heads, -1)).transpose(2, 3)

    @staticmethod
    def _near(count: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """For each vector the places of those around it, and which of these exist; shape (time, 2 * WINDOW + 1)."""
        places = torch.arange(count, device=device)[:, None] + torch.arange(-WINDOW, WINDOW + 1, device=device)
        return places.clamp(0, count - 1), (places >= 0) & (places < count)


class FeedForward(nn.Module):
    """Two convolutions."""

    def __init__(self, channels: int, inner: int, kernel: int) -> None:
        super().__init__()
        self.padding = ((kernel - 1) // 2, kernel // 2)
        self.conv_1 = nn.Conv1d(channels, inner, kernel)
        self.conv_2 = nn.Conv1d(inner, channels, kernel)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        inner = functional.relu(self.conv_1(functional.pad(hidden, self.padding)))
        made: torch.Tensor = self.conv_2(functional.pad(inner, self.padding))
        return made


class Layers(nn.Module):
    """The transformer."""

    def __init__(self, config: SynthesizerConfig) -> None:
        super().__init__()
        count, size = config.layers, config.hidden
        self.attn_layers = nn.ModuleList(RelativeAttention(size, config.heads) for _ in range(count))
        self.norm_layers_1 = nn.ModuleList(ChannelNorm(size) for _ in range(count))
        self.ffn_layers = nn.ModuleList(FeedForward(size, config.inner, config.kernel) for _ in range(count))
        self.norm_layers_2 = nn.ModuleList(ChannelNorm(size) for _ in range(count))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        parts = zip(self.attn_layers, self.norm_layers_1, self.ffn_layers, self.norm_layers_2, strict=True)
        for attention, first_norm, feed_forward, second_norm in parts:
            hidden = first_norm(hidden + attention(hidden))
            hidden = second_norm(hidden + feed_forward(hidden))
        return hidden


class TextEncoder(nn.Module):
    """From features, shape (batch, time, features), and steps of pitch, shape (batch, time), to the mean and the
    logarithm of the deviation of latents, each of shape (batch, latent, time).
    """

    def __init__(self, config: SynthesizerConfig) -> None:
        super().__init__()
        self.emb_phone = nn.Linear(config.features, config.hidden)
        self.emb_pitch = nn.Embedding(PITCH_STEPS, config.hidden) if config.has_pitch else None
        self.encoder = Layers(config)
        self.proj = nn.Conv1d(config.hidden, 2 * config.latent, 1)
        self.scale = math.sqrt(config.hidden)

    def forward(self, features: torch.Tensor, steps: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = self.emb_phone(features)
        if self.emb_pitch is not None and steps is not None:
            hidden = hidden + self.emb_pitch(steps)
        hidden = functional.leaky_relu(hidden * self.scale, SLOPE).transpose(1, 2)
        mean, log_deviation = self.proj(self.encoder(hidden)).chunk(2, 1)
        return mean, log_deviation
