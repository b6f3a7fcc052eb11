"""The layers of HuBERT and of WavLM, which knows by itself how far two vectors are apart."""

import math

import torch
from torch import nn
from torch.nn import functional

from .config import WAVLM, EncoderConfig


class Attention(nn.Module):
    """Takes and gives shape (batch, time, hidden)."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.q_proj = nn.Linear(config.hidden, config.hidden)
        self.k_proj = nn.Linear(config.hidden, config.hidden)
        self.v_proj = nn.Linear(config.hidden, config.hidden)
        self.out_proj = nn.Linear(config.hidden, config.hidden)
        if config.kind == WAVLM:
            self.gru_rel_pos_const = nn.Parameter(torch.ones(1, config.heads, 1, 1))
            self.gru_rel_pos_linear = nn.Linear(config.hidden // config.heads, 8)

    def forward(self, hidden: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """`bias` is that of distances, shape (heads, time, time)."""
        query, key, value = (self._split(projection(hidden)) for projection in (self.q_proj, self.k_proj, self.v_proj))
        mask = None if bias is None else self._gate(hidden) * bias
        made = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        joined: torch.Tensor = self.out_proj(made.transpose(1, 2).flatten(2))
        return joined

    def _split(self, hidden: torch.Tensor) -> torch.Tensor:
        return torch.unflatten(hidden, 2, (self.heads, -1)).transpose(1, 2)

    def _gate(self, hidden: torch.Tensor) -> torch.Tensor:
        """How much each vector makes of distances, shape (batch, heads, time, 1)."""
        opened = torch.unflatten(self.gru_rel_pos_linear(self._split(hidden)), 3, (2, 4)).sum(4).sigmoid()
        first, second = opened[..., :1], opened[..., 1:]
        made: torch.Tensor = first * (second * self.gru_rel_pos_const - 1.0) + 2.0
        return made


class FeedForward(nn.Module):
    """Two linear maps with a GELU between them."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.intermediate_dense = nn.Linear(config.hidden, config.inner)
        self.output_dense = nn.Linear(config.inner, config.hidden)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.output_dense(functional.gelu(self.intermediate_dense(hidden)))
        return made


class Layer(nn.Module):
    """One layer."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.norms_first = config.norms_first
        self.attention = Attention(config)
        self.layer_norm = nn.LayerNorm(config.hidden, eps=config.epsilon)
        self.feed_forward = FeedForward(config)
        self.final_layer_norm = nn.LayerNorm(config.hidden, eps=config.epsilon)

    def forward(self, hidden: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        if self.norms_first:
            hidden = hidden + self.attention(self.layer_norm(hidden), bias)
            before: torch.Tensor = hidden + self.feed_forward(self.final_layer_norm(hidden))
            return before
        hidden = self.layer_norm(hidden + self.attention(hidden, bias))
        after: torch.Tensor = self.final_layer_norm(hidden + self.feed_forward(hidden))
        return after


def distances(count: int, buckets: int, max_distance: int) -> torch.Tensor:
    """The bucket of the distance between each two of `count` vectors, shape (count, count): the near ones have one
    each, those that are farther share them by the logarithm.
    """
    half, steps = buckets // 2, torch.arange(count)
    away = steps[None, :] - steps[:, None]
    far, exact = away.abs(), half // 2
    share = torch.log(far.clamp(min=1).float() / exact) / math.log(max_distance / exact)
    shared = (exact + (share * (half - exact)).long()).clamp(max=half - 1)
    return (away > 0) * half + torch.where(far < exact, far, shared)
