"""Transformers that decode, Qwen3's and Llama's, with their keys and values in a static cache.

Yang et al., "Qwen3 Technical Report", 2025: pre-normalisation with RMSNorm, grouped-query attention with normalised
queries and keys (QK-norm), rotary position embeddings and a SwiGLU MLP. The checkpoints name multimodal rotary
positions ("mrope"); speech and text have one dimension, so that all three are equal, and it is plain rotation. Llama
(Grattafiori et al., "The Llama 3 Herd of Models", 2024) is the same without QK-norm, with stretched low frequencies.

Shapes: B rows of a batch, T tokens, H query heads, K key-value heads, D head_dim.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor

from .config import TransformerConfig
from .weights import Weights

Attention = Callable[[int, Tensor, Tensor, Tensor], Tensor]
"""Called with a layer's index, its queries (B, T, H, D), keys and values (B, T, K, D); returns the attention's output
(B, T, H, D). The caller owns the cache and the mask.
"""


class RotaryEmbedding:
    """Tables of rotary position embeddings (Su et al., "RoFormer", 2021), in the order of halves."""

    def __init__(
        self, config: TransformerConfig, max_position_embeddings: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        positions = torch.arange(max_position_embeddings, device=device, dtype=torch.float32)
        angles = positions[:, None] / _positions_per_radian(config, device)
        cos, sin = angles.cos(), angles.sin()
        self.cos = torch.cat((cos, cos), -1).to(dtype)
        """(max_position_embeddings, D)"""
        self.sin = torch.cat((-sin, sin), -1).to(dtype)
        """The same; the sign of `rotate_half` is in the first half."""


def _positions_per_radian(config: TransformerConfig, device: torch.device) -> Tensor:
    """Of each rotation, (head_dim / 2,). Llama's scaling multiplies those whose waves are longer than the positions of
    its first training, and leaves those of short waves; between the two it is gradual.
    """
    exponents = torch.arange(0, config.head_dim, 2, device=device, dtype=torch.float32) / config.head_dim
    plain, scaling = config.rope_theta**exponents, config.rope_scaling
    if scaling is None:
        return plain
    waves = scaling.original_max_position_embeddings / (2 * torch.pi * plain)
    kept = (waves - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor)
    kept = kept.clamp(0.0, 1.0)
    return plain / ((1 - kept) / scaling.factor + kept)


class DecoderLayer:
    """One layer: attention and MLP, each with its norm before it and a residual connection around it."""

    def __init__(self, weights: Weights, prefix: str, config: TransformerConfig) -> None:
        hidden_size, intermediate_size = config.hidden_size, config.intermediate_size
        head_dim, num_heads, num_kv_heads = config.head_dim, config.num_attention_heads, config.num_key_value_heads

        def named(name: str, *shape: int) -> Tensor:
            return weights(f"{prefix}.{name}.weight", *shape)

        self.num_heads, self.num_kv_heads, self.head_dim = num_heads, num_kv_heads, head_dim
        self.rms_norm_eps = config.rms_norm_eps
        self.input_layernorm = named("input_layernorm", hidden_size)
        rows = {"q_proj": num_heads * head_dim, "k_proj": num_kv_heads * head_dim, "v_proj": num_kv_heads * head_dim}
        self.qkv_proj = torch.cat([named(f"self_attn.{name}", size, hidden_size) for name, size in rows.items()])
        self.qk_norm: Tensor | None = None
        if config.qk_norm:
            q_norm, k_norm = named("self_attn.q_norm", head_dim), named("self_attn.k_norm", head_dim)
            self.qk_norm = torch.cat((q_norm.expand(num_heads, -1), k_norm.expand(num_kv_heads, -1)))
        self.o_proj = named("self_attn.o_proj", hidden_size, num_heads * head_dim)
        self.post_attention_layernorm = named("post_attention_layernorm", hidden_size)
        self.gate_up_proj = torch.cat(
            [named(f"mlp.{name}", intermediate_size, hidden_size) for name in ("gate_proj", "up_proj")]
        )
        self.down_proj = named("mlp.down_proj", hidden_size, intermediate_size)

    def __call__(self, x: Tensor, cos: Tensor, sin: Tensor, attention: Attention, layer_index: int) -> Tensor:
        """(B, T, hidden_size) to the same; `cos` and `sin` are broadcast to (B, T, H + K, D)."""
        x = x + self._self_attention(self._rms_norm(x, self.input_layernorm), cos, sin, attention, layer_index)
        return x + self._mlp(self._rms_norm(x, self.post_attention_layernorm))

    def _self_attention(self, x: Tensor, cos: Tensor, sin: Tensor, attention: Attention, layer_index: int) -> Tensor:
        batch, tokens, _ = x.shape
        qkv = F.linear(x, self.qkv_proj).view(batch, tokens, -1, self.head_dim)
        num_rotated = self.num_heads + self.num_kv_heads
        qk = qkv[:, :, :num_rotated]
        if self.qk_norm is not None:
            qk = F.rms_norm(qk, (self.head_dim,), None, self.rms_norm_eps) * self.qk_norm
        qk = qk * cos + qk.roll(self.head_dim // 2, -1) * sin
        queries, keys, values = qk[:, :, : self.num_heads], qk[:, :, self.num_heads :], qkv[:, :, num_rotated:]
        return F.linear(attention(layer_index, queries, keys, values).reshape(batch, tokens, -1), self.o_proj)

    def _mlp(self, x: Tensor) -> Tensor:
        """SwiGLU: Shazeer, "GLU Variants Improve Transformer", 2020."""
        gate, up = F.linear(x, self.gate_up_proj).chunk(2, -1)
        return F.linear(F.silu(gate) * up, self.down_proj)

    def _rms_norm(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], weight, self.rms_norm_eps)


class Transformer:
    """The layers, and the norm after them."""

    def __init__(self, weights: Weights, prefix: str, config: TransformerConfig) -> None:
        self.layers = [
            DecoderLayer(weights, f"{prefix}.layers.{index}", config) for index in range(config.num_hidden_layers)
        ]
        self.norm = weights(f"{prefix}.norm.weight", config.hidden_size)
        self.rms_norm_eps = config.rms_norm_eps

    def __call__(self, x: Tensor, cos: Tensor, sin: Tensor, attention: Attention) -> Tensor:
        """(B, T, hidden_size) to the same."""
        for index, layer in enumerate(self.layers):
            x = layer(x, cos, sin, attention, index)
        return F.rms_norm(x, x.shape[-1:], self.norm, self.rms_norm_eps)


class KvCache:
    """The keys and values of all rows, allocated once: (B, max_tokens, K, D) for each layer."""

    def __init__(
        self, config: TransformerConfig, rows: int, max_tokens: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        shape = (config.num_hidden_layers, 2, rows, max_tokens, config.num_key_value_heads, config.head_dim)
        self._all = torch.zeros(shape, device=device, dtype=dtype)
        self.layers = [(self._all[layer, 0], self._all[layer, 1]) for layer in range(config.num_hidden_layers)]

    def move(self, source: int, target: int) -> None:
        """Copy a row onto another."""
        self._all[:, :, target] = self._all[:, :, source]


def causal_attention(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Each token attends to itself and to those before it. Shapes as in Attention."""
    query, key, value = (tensor.transpose(1, 2) for tensor in (queries, keys, values))
    return F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True).transpose(1, 2)


def uncached_attention(_layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """The Attention of a whole sequence at once, in every layer."""
    return causal_attention(queries, keys, values)


def grouped_query_attention(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """One token of each row attends to its row's cache: queries (B, 1, H, D), keys and values (B, length, K, D); `mask`
    (B, 1, 1, length) is 0 where it may, and minus infinity elsewhere.

    The heads of one group are laid out as tokens: keys and values are read once, and not repeated.
    """
    rows, _, heads, head_dim = queries.shape
    groups = queries.view(rows, keys.shape[2], heads // keys.shape[2], head_dim)
    output = F.scaled_dot_product_attention(groups, keys.transpose(1, 2), values.transpose(1, 2), mask)
    return output.view(rows, 1, heads, head_dim)
