"""The streaming layers of the codec's decoder. Their caller holds the state of each stream in tensors.

`x` is (B, channels, time) unless it says otherwise; `state` is (B, *layer.state_shape), and is updated in place. All
are causal: the state is what came before, so that a stream gives the same in chunks of any size.
"""

from typing import Protocol

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor

from voicebox_tts.engines.codec_models.config import TransformerConfig
from voicebox_tts.engines.codec_models.weights import Weights


class StreamingLayer(Protocol):
    """A layer of the decoder."""

    @property
    def state_shape(self) -> tuple[int, ...]:
        """The shape of one stream's state."""

    def __call__(self, x: Tensor, state: Tensor) -> Tensor:
        """The next output of the stream."""


class CausalConv:
    """A causal convolution."""

    def __init__(self, weight: Tensor, bias: Tensor, dilation: int = 1) -> None:
        """`weight` is (out_channels, in_channels, kernel_size); one input channel means depthwise."""
        self._weight, self._bias, self._dilation = weight.contiguous(), bias, dilation
        out_channels, in_channels, kernel_size = weight.shape
        self._groups = out_channels if in_channels == 1 else 1
        self._left_context = (kernel_size - 1) * dilation
        self.state_shape = (in_channels * self._groups, self._left_context)

    @classmethod
    def read(cls, weights: Weights, name: str, shape: tuple[int, int, int], dilation: int = 1) -> "CausalConv":
        """From the checkpoint, where its shape is (out_channels, in_channels, kernel_size)."""
        return cls(weights(f"{name}.conv.weight", *shape), weights(f"{name}.conv.bias", shape[0]), dilation)

    def __call__(self, x: Tensor, state: Tensor) -> Tensor:
        if self._left_context:
            x = torch.cat((state, x), -1)
            state.copy_(x[..., -self._left_context :])
        return F.conv1d(x, self._weight, self._bias, dilation=self._dilation, groups=self._groups)


class CausalTransposedConv:
    """A transposed convolution whose kernel is `kernel_size` strides long, computed as a causal convolution with
    `stride` phases for each output channel.
    """

    def __init__(
        self, weights: Weights, name: str, in_channels: int, out_channels: int, stride: int, kernel_size: int
    ) -> None:
        self._out_channels, self._stride = out_channels, stride
        weight = weights(f"{name}.conv.weight", in_channels, out_channels, kernel_size * stride)
        bias = weights(f"{name}.conv.bias", out_channels)
        # The kernel's first stride of samples belongs to this input, its second to the one before: reversed, as a
        # convolution has it.
        phases = weight.reshape(in_channels, out_channels, kernel_size, stride).flip(2).permute(1, 3, 0, 2)
        self._conv = CausalConv(phases.flatten(0, 1), bias.repeat_interleave(stride))
        self.state_shape = self._conv.state_shape

    def __call__(self, x: Tensor, state: Tensor) -> Tensor:
        y = self._conv(x, state)
        rows, _, time = y.shape
        return (
            y.view(rows, self._out_channels, self._stride, time)
            .transpose(2, 3)
            .reshape(rows, self._out_channels, time * self._stride)
        )


class SnakeBeta:
    """x + sin²(alpha x) / beta for each channel: BigVGAN's form of Snake (Ziyin et al., "Neural networks fail to learn
    periodic functions", 2020).
    """

    def __init__(self, weights: Weights, name: str, channels: int) -> None:
        """The checkpoint has the logarithms of alpha and beta."""
        self._alpha = weights(f"{name}.alpha", channels).exp()[:, None]
        self._inverse_beta = 1.0 / (weights(f"{name}.beta", channels).exp()[:, None] + 1e-9)

    def __call__(self, x: Tensor) -> Tensor:
        return torch.addcmul(x, (x * self._alpha).sin_().square_(), self._inverse_beta)


class SnakeUpsample:
    """The beginning of a decoder block: Snake, then upsampling."""

    def __init__(self, weights: Weights, name: str, in_channels: int, out_channels: int, rate: int) -> None:
        self._snake = SnakeBeta(weights, f"{name}.0", in_channels)
        self._upsample = CausalTransposedConv(weights, f"{name}.1", in_channels, out_channels, rate, kernel_size=2)
        self.state_shape = self._upsample.state_shape

    def __call__(self, x: Tensor, state: Tensor) -> Tensor:
        return self._upsample(self._snake(x), state)


class ResidualUnit:
    """A residual unit: a dilated convolution and a pointwise one, each after a Snake."""

    def __init__(self, weights: Weights, name: str, channels: int, dilation: int) -> None:
        self._act1, self._act2 = (SnakeBeta(weights, f"{name}.act{number}", channels) for number in (1, 2))
        self._conv1 = CausalConv.read(weights, f"{name}.conv1", (channels, channels, 7), dilation)
        self._conv2 = CausalConv.read(weights, f"{name}.conv2", (channels, channels, 1))
        self.state_shape = self._conv1.state_shape

    def __call__(self, x: Tensor, state: Tensor) -> Tensor:
        return x + self._conv2(self._act2(self._conv1(self._act1(x), state)), state)


class SnakeConv:
    """The last layer: Snake, then a convolution to one channel."""

    def __init__(self, weights: Weights, snake: str, conv: str, channels: int) -> None:
        self._snake, self._conv = SnakeBeta(weights, snake, channels), CausalConv.read(weights, conv, (1, channels, 7))
        self.state_shape = self._conv.state_shape

    def __call__(self, x: Tensor, state: Tensor) -> Tensor:
        return self._conv(self._snake(x), state)


class ConvNeXtBlock:
    """ConvNeXt: a depthwise convolution, a norm and an inverted bottleneck, with a residual connection (Liu et al.,
    2022).
    """

    def __init__(self, weights: Weights, name: str, channels: int) -> None:
        self._dwconv = CausalConv.read(weights, f"{name}.dwconv", (channels, 1, 7))
        self._norm = weights(f"{name}.norm.weight", channels), weights(f"{name}.norm.bias", channels)
        self._pwconv1 = (
            weights(f"{name}.pwconv1.weight", 4 * channels, channels),
            weights(f"{name}.pwconv1.bias", 4 * channels),
        )
        gamma = weights(f"{name}.gamma", channels)
        pwconv2 = weights(f"{name}.pwconv2.weight", channels, 4 * channels)
        self._pwconv2 = pwconv2 * gamma[:, None], weights(f"{name}.pwconv2.bias", channels) * gamma
        self.state_shape = self._dwconv.state_shape

    def __call__(self, x: Tensor, state: Tensor) -> Tensor:
        y = self._dwconv(x, state).transpose(1, 2)
        y = F.layer_norm(y, y.shape[-1:], *self._norm, eps=1e-6)
        y = F.linear(F.gelu(F.linear(y, *self._pwconv1)), *self._pwconv2)
        return x + y.transpose(1, 2)


class ResidualVectorDequantizer:
    """Residual vector quantisation, decoded: the sum of the codebooks' vectors. The first, semantic codebook has its
    own projection; the other, acoustic ones share one.
    """

    def __init__(self, weights: Weights, name: str, num_quantizers: int, codebook_size: int, codebook_dim: int) -> None:
        books = [
            f"{name}.rvq_first.vq.layers.0",
            *(f"{name}.rvq_rest.vq.layers.{index}" for index in range(num_quantizers - 1)),
        ]
        self._codebooks = torch.cat(
            [
                codebook(weights, f"{book}._codebook", "embedding_sum", codebook_size, codebook_dim // 2)
                for book in books
            ]
        )
        parts = (
            weights(f"{name}.{part}.output_proj.weight", codebook_dim, codebook_dim // 2, 1)
            for part in ("rvq_first", "rvq_rest")
        )
        self._output_proj = torch.cat(tuple(parts), 1).squeeze(-1)
        self._offsets = torch.arange(num_quantizers, device=weights.device) * codebook_size

    def __call__(self, codes: Tensor) -> Tensor:
        """(B, frames, num_quantizers) to (B, channels, frames)."""
        vectors = F.embedding(codes + self._offsets, self._codebooks)
        semantic_acoustic = torch.cat((vectors[..., 0, :], vectors[..., 1:, :].sum(-2)), -1)
        return F.linear(semantic_acoustic, self._output_proj).transpose(1, 2)


def codebook(weights: Weights, name: str, sums: str, codebook_size: int, codebook_dim: int) -> Tensor:
    """A codebook (codebook_size, codebook_dim). The checkpoint has the moving averages of the training: the sum of the
    vectors of each code, and how many they were.
    """
    return (
        weights(f"{name}.{sums}", codebook_size, codebook_dim)
        / weights(f"{name}.cluster_usage", codebook_size).clamp(min=1e-5)[:, None]
    )


class CodecTransformer:
    """Layers of attention over a sliding window. The state is the keys and values of the frames before, newest last."""

    def __init__(
        self, weights: Weights, name: str, config: TransformerConfig, latent_dim: int, sliding_window: int
    ) -> None:
        size = config.hidden_size
        self._layers = [
            TransformerLayer(weights, f"{name}.layers.{index}", config) for index in range(config.num_hidden_layers)
        ]
        self._input_proj = (
            weights(f"{name}.input_proj.weight", size, latent_dim),
            weights(f"{name}.input_proj.bias", size),
        )
        self._output_proj = (
            weights(f"{name}.output_proj.weight", latent_dim, size),
            weights(f"{name}.output_proj.bias", latent_dim),
        )
        self._norm, self._rms_norm_eps = weights(f"{name}.norm.weight", size), config.rms_norm_eps
        self._inverse_frequencies = inverse_frequencies(config, weights.device)
        self._left_context = sliding_window - 1
        num_layers, num_heads = config.num_hidden_layers, config.num_attention_heads
        self.state_shape = (num_layers, 2, num_heads, self._left_context, config.head_dim)

    def __call__(self, x: Tensor, state: Tensor, past_frames: Tensor) -> Tensor:
        """`past_frames` (B,) is how many frames came before: what is older in the state is masked."""
        now = torch.arange(x.shape[-1], device=x.device)
        cos_sin = rotary_embedding(past_frames[:, None] + now, self._inverse_frequencies, x.dtype)
        keys = torch.arange(self._left_context + x.shape[-1], device=x.device)
        window = (keys >= now[:, None]) & (keys <= now[:, None] + self._left_context)
        mask = window & (keys >= self._left_context - past_frames[:, None, None])
        x = F.linear(x.transpose(1, 2), *self._input_proj)
        for layer, layer_state in zip(self._layers, state.unbind(1), strict=True):
            x = layer(x, layer_state, cos_sin, mask[:, None])
        x = F.rms_norm(x, x.shape[-1:], self._norm, self._rms_norm_eps)
        return F.linear(x, *self._output_proj).transpose(1, 2)


class TransformerLayer:
    """Attention and a SwiGLU MLP, each with RMSNorm before and a layer scale after, which is part of the weights."""

    def __init__(self, weights: Weights, name: str, config: TransformerConfig) -> None:
        size, inner = config.hidden_size, config.intermediate_size
        self._num_heads, self._head_dim = config.num_attention_heads, config.head_dim
        self._rms_norm_eps = config.rms_norm_eps
        attention_size = config.num_attention_heads * config.head_dim
        self._input_layernorm = weights(f"{name}.input_layernorm.weight", size)
        self._post_attention_layernorm = weights(f"{name}.post_attention_layernorm.weight", size)
        self._qkv_proj = torch.cat(
            [weights(f"{name}.self_attn.{part}_proj.weight", attention_size, size) for part in "qkv"]
        )
        self._gate_up_proj = torch.cat(
            [weights(f"{name}.mlp.{part}_proj.weight", inner, size) for part in ("gate", "up")]
        )
        scales = [weights(f"{name}.{part}_layer_scale.scale", size)[:, None] for part in ("self_attn", "mlp")]
        self._o_proj = weights(f"{name}.self_attn.o_proj.weight", size, attention_size) * scales[0]
        self._down_proj = weights(f"{name}.mlp.down_proj.weight", size, inner) * scales[1]

    def __call__(self, x: Tensor, state: Tensor, cos_sin: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """`x` is (B, T, hidden_size), `state` (B, 2, heads, left context, head_dim), `mask` (B, 1, T, left context +
        T).
        """
        normed = F.rms_norm(x, x.shape[-1:], self._input_layernorm, self._rms_norm_eps)
        x = x + F.linear(self._attention(F.linear(normed, self._qkv_proj), state, cos_sin, mask), self._o_proj)
        normed = F.rms_norm(x, x.shape[-1:], self._post_attention_layernorm, self._rms_norm_eps)
        gate, up = F.linear(normed, self._gate_up_proj).chunk(2, -1)
        return x + F.linear(F.silu(gate) * up, self._down_proj)

    def _attention(self, qkv: Tensor, state: Tensor, cos_sin: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        rows, time, _ = qkv.shape
        heads = qkv.view(rows, time, 3, self._num_heads, self._head_dim).permute(0, 2, 3, 1, 4)
        query, key = apply_rotary_embedding(heads[:, :2], *cos_sin).unbind(1)
        keys_values = torch.cat((state, torch.stack((key, heads[:, 2]), 1)), 3)
        state.copy_(keys_values[:, :, :, time:])
        output = F.scaled_dot_product_attention(query, keys_values[:, 0], keys_values[:, 1], mask)
        return output.transpose(1, 2).flatten(2)


def inverse_frequencies(config: TransformerConfig, device: torch.device) -> Tensor:
    """Radians per position, shape (head_dim / 2,)."""
    exponents = torch.arange(0, config.head_dim, 2, device=device, dtype=torch.float32) / config.head_dim
    return 1.0 / config.rope_theta**exponents


def rotary_embedding(positions: Tensor, frequencies: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines (B, 1, 1, T, head_dim) of positions (B, T)."""
    angles = positions[:, None, None, :, None].float() * frequencies
    angles = torch.cat((angles, angles), -1)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def apply_rotary_embedding(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Queries or keys, rotated by their positions (Su et al., "RoFormer", 2021)."""
    first, second = x.chunk(2, -1)
    return x * cosines + torch.cat((-second, first), -1) * sines
