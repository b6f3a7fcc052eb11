"""The transformer that the talker and the code predictor are made of: Qwen3's, with keys and values kept in place.

Yang et al., "Qwen3 Technical Report": RMSNorm before each part, grouped-query attention with normalised queries and
keys, rotary positions, and a gated MLP. The checkpoints call for three-dimensional rotary positions ("mrope"); speech
and text have one dimension, all three are equal, and that is plain rotation.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor

from .config import Stack
from .weights import Weights

Attention = Callable[[int, Tensor, Tensor, Tensor], Tensor]
"""Given a layer's number and its queries (rows, tokens, heads, size), keys and values (rows, tokens, key heads, size),
what its heads read, as the queries' shape.
"""


class Rotation:
    """Rotary positions: RoFormer's, in the order of halves."""

    def __init__(self, stack: Stack, longest: int, device: torch.device, dtype: torch.dtype) -> None:
        exponents = torch.arange(0, stack.head_size, 2, device=device, dtype=torch.float32) / stack.head_size
        angles = torch.arange(longest, device=device, dtype=torch.float32)[:, None] / stack.rope_theta**exponents
        cos, sin = angles.cos(), angles.sin()
        self.cos = torch.cat((cos, cos), -1).to(dtype)
        """(positions, head size)"""
        self.sin = torch.cat((-sin, sin), -1).to(dtype)
        """The same, with the sign that the first half takes."""


class Layer:
    """Attention and MLP, each added to what comes in."""

    def __init__(self, weights: Weights, prefix: str, stack: Stack) -> None:
        width, inner, size = stack.width, stack.inner_width, stack.head_size
        queries, keys = stack.heads * size, stack.key_value_heads * size

        def named(name: str, *shape: int) -> Tensor:
            return weights(f"{prefix}.{name}.weight", *shape)

        self.number_of_heads, self.number_of_keys, self.size = stack.heads, stack.key_value_heads, size
        self.epsilon = stack.norm_epsilon
        self.before_attention = named("input_layernorm", width)
        projections = (("q", queries), ("k", keys), ("v", keys))
        self.query_key_value = torch.cat(
            [named(f"self_attn.{letter}_proj", rows, width) for letter, rows in projections]
        )
        query_norm, key_norm = named("self_attn.q_norm", size), named("self_attn.k_norm", size)
        self.head_norms = torch.cat((query_norm.expand(stack.heads, -1), key_norm.expand(stack.key_value_heads, -1)))
        self.output = named("self_attn.o_proj", width, queries)
        self.before_mlp = named("post_attention_layernorm", width)
        self.gate_and_up = torch.cat((named("mlp.gate_proj", inner, width), named("mlp.up_proj", inner, width)))
        self.down = named("mlp.down_proj", width, inner)

    def __call__(self, x: Tensor, cos: Tensor, sin: Tensor, attention: Attention, number: int) -> Tensor:
        """(rows, tokens, width) to the same; `cos` and `sin` are broadcast to (rows, tokens, heads, size)."""
        rows, tokens, _ = x.shape
        normed = F.rms_norm(x, x.shape[-1:], self.before_attention, self.epsilon)
        heads = F.linear(normed, self.query_key_value).view(rows, tokens, -1, self.size)
        turning = self.number_of_heads + self.number_of_keys
        turned = F.rms_norm(heads[:, :, :turning], (self.size,), None, self.epsilon) * self.head_norms
        turned = turned * cos + turned.roll(self.size // 2, -1) * sin
        read = attention(
            number, turned[:, :, : self.number_of_heads], turned[:, :, self.number_of_heads :], heads[:, :, turning:]
        )
        x = x + F.linear(read.reshape(rows, tokens, -1), self.output)
        normed = F.rms_norm(x, x.shape[-1:], self.before_mlp, self.epsilon)
        gate, up = F.linear(normed, self.gate_and_up).chunk(2, -1)
        return x + F.linear(F.silu(gate) * up, self.down)


class Transformer:
    """A stack of layers and the norm after them."""

    def __init__(self, weights: Weights, prefix: str, stack: Stack) -> None:
        self.layers = [Layer(weights, f"{prefix}.layers.{number}", stack) for number in range(stack.layers)]
        self.norm = weights(f"{prefix}.norm.weight", stack.width)
        self.epsilon = stack.norm_epsilon

    def __call__(self, x: Tensor, cos: Tensor, sin: Tensor, attention: Attention) -> Tensor:
        """(rows, tokens, width) to the same."""
        for number, layer in enumerate(self.layers):
            x = layer(x, cos, sin, attention, number)
        return F.rms_norm(x, x.shape[-1:], self.norm, self.epsilon)


class Cache:
    """The keys and values of many rows, allocated once: (rows, longest, key heads, size) for each layer."""

    def __init__(self, stack: Stack, rows: int, longest: int, device: torch.device, dtype: torch.dtype) -> None:
        shape = (stack.layers, 2, rows, longest, stack.key_value_heads, stack.head_size)
        self._all = torch.zeros(shape, device=device, dtype=dtype)
        self.layers = [(self._all[layer, 0], self._all[layer, 1]) for layer in range(stack.layers)]

    def move(self, source: int, target: int) -> None:
        """Copy a row onto another."""
        self._all[:, :, target] = self._all[:, :, source]


def causal(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Each token reads itself and those before it. Shapes as in Attention."""
    query, key, value = (tensor.transpose(1, 2) for tensor in (queries, keys, values))
    return F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True).transpose(1, 2)


def grouped(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """One token of each row reads its row's cache, (rows, length, key heads, size); `mask` (rows, 1, 1, length) is 0
    where it may, and minus infinity elsewhere.

    Heads that share their keys are laid out as if they were tokens: keys and values are read once, and not repeated.
    """
    rows, _, heads, size = queries.shape
    sharing = queries.view(rows, keys.shape[2], heads // keys.shape[2], size)
    read = F.scaled_dot_product_attention(sharing, keys.transpose(1, 2), values.transpose(1, 2), mask)
    return read.view(rows, 1, heads, size)
