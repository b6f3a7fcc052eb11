"""The layers of the codec's decoder, each of which keeps what it must remember of a stream in a tensor that it is
given.

`x` is (rows, channels, time) unless it says otherwise; `kept` is (rows, *layer.kept) and is updated in place. All are
causal: what they kept stands before what comes, so that any chunking of a stream gives what the whole gives.
"""

from typing import Protocol

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor

from voicebox_tts.engines.qwen3.model.config import Stack
from voicebox_tts.engines.qwen3.model.weights import Weights


class Layer(Protocol):
    """A part of the decoder."""

    @property
    def kept(self) -> tuple[int, ...]:
        """The shape of what it remembers of one stream."""

    def __call__(self, x: Tensor, kept: Tensor) -> Tensor:
        """What follows in the stream."""


class CausalConv:
    """A convolution over this and earlier times."""

    def __init__(self, weight: Tensor, bias: Tensor, dilation: int = 1) -> None:
        """`weight` is (outputs, inputs, taps); with one input each channel is convolved by itself."""
        self._weight, self._bias, self._dilation = weight.contiguous(), bias, dilation
        outputs, inputs, taps = weight.shape
        self._groups = outputs if inputs == 1 else 1
        self._before = (taps - 1) * dilation
        self.kept = (inputs * self._groups, self._before)

    @classmethod
    def read(cls, weights: Weights, name: str, shape: tuple[int, int, int], dilation: int = 1) -> "CausalConv":
        """From the file, where its shape is (outputs, inputs, taps)."""
        return cls(weights(f"{name}.conv.weight", *shape), weights(f"{name}.conv.bias", shape[0]), dilation)

    def __call__(self, x: Tensor, kept: Tensor) -> Tensor:
        if self._before:
            x = torch.cat((kept, x), -1)
            kept.copy_(x[..., -self._before :])
        return F.conv1d(x, self._weight, self._bias, dilation=self._dilation, groups=self._groups)


class Upsample:
    """A transposed convolution whose kernel is `taps` strides long, as a causal one of as many taps that makes `stride`
    times of each.
    """

    def __init__(self, weights: Weights, name: str, inputs: int, outputs: int, stride: int, taps: int) -> None:
        self._outputs, self._stride = outputs, stride
        weight = weights(f"{name}.conv.weight", inputs, outputs, taps * stride)
        bias = weights(f"{name}.conv.bias", outputs)
        # The kernel's first stride of samples is for the input of this time, its second for the one before: a
        # convolution's last tap first.
        phases = weight.reshape(inputs, outputs, taps, stride).flip(2).permute(1, 3, 0, 2)
        self._conv = CausalConv(phases.flatten(0, 1), bias.repeat_interleave(stride))
        self.kept = self._conv.kept

    def __call__(self, x: Tensor, kept: Tensor) -> Tensor:
        y = self._conv(x, kept)
        rows, _, time = y.shape
        return (
            y.view(rows, self._outputs, self._stride, time)
            .transpose(2, 3)
            .reshape(rows, self._outputs, time * self._stride)
        )


class Snake:
    """x + sin²(a x) / b for each channel (L. Ziyin and others, "Neural networks fail to learn periodic functions",
    2020).
    """

    def __init__(self, weights: Weights, name: str, channels: int) -> None:
        """The file has the logarithms of both."""
        self._frequency = weights(f"{name}.alpha", channels).exp()[:, None]
        self._magnitude = 1.0 / (weights(f"{name}.beta", channels).exp()[:, None] + 1e-9)

    def __call__(self, x: Tensor) -> Tensor:
        return torch.addcmul(x, (x * self._frequency).sin_().square_(), self._magnitude)


class SnakeUpsample:
    """The beginning of a block: more times, fewer channels."""

    def __init__(self, weights: Weights, name: str, inputs: int, outputs: int, rate: int) -> None:
        self._snake = Snake(weights, f"{name}.0", inputs)
        self._upsample = Upsample(weights, f"{name}.1", inputs, outputs, rate, taps=2)
        self.kept = self._upsample.kept

    def __call__(self, x: Tensor, kept: Tensor) -> Tensor:
        return self._upsample(self._snake(x), kept)


class Residual:
    """The rest of a block, three times: a dilated convolution and one of a single tap, added to what came in."""

    def __init__(self, weights: Weights, name: str, channels: int, dilation: int) -> None:
        self._first, self._second = (Snake(weights, f"{name}.act{number}", channels) for number in (1, 2))
        self._wide = CausalConv.read(weights, f"{name}.conv1", (channels, channels, 7), dilation)
        self._point = CausalConv.read(weights, f"{name}.conv2", (channels, channels, 1))
        self.kept = self._wide.kept

    def __call__(self, x: Tensor, kept: Tensor) -> Tensor:
        return x + self._point(self._second(self._wide(self._first(x), kept)), kept)


class SnakeConv:
    """The end: one channel."""

    def __init__(self, weights: Weights, snake: str, conv: str, channels: int) -> None:
        self._snake, self._conv = Snake(weights, snake, channels), CausalConv.read(weights, conv, (1, channels, 7))
        self.kept = self._conv.kept

    def __call__(self, x: Tensor, kept: Tensor) -> Tensor:
        return self._conv(self._snake(x), kept)


class ConvNeXt:
    """A convolution of each channel, then a network for each time, added to what came in."""

    def __init__(self, weights: Weights, name: str, channels: int) -> None:
        self._conv = CausalConv.read(weights, f"{name}.dwconv", (channels, 1, 7))
        self._norm = weights(f"{name}.norm.weight", channels), weights(f"{name}.norm.bias", channels)
        self._wide = (
            weights(f"{name}.pwconv1.weight", 4 * channels, channels),
            weights(f"{name}.pwconv1.bias", 4 * channels),
        )
        scale = weights(f"{name}.gamma", channels)
        narrow = weights(f"{name}.pwconv2.weight", channels, 4 * channels)
        self._narrow = narrow * scale[:, None], weights(f"{name}.pwconv2.bias", channels) * scale
        self.kept = self._conv.kept

    def __call__(self, x: Tensor, kept: Tensor) -> Tensor:
        y = self._conv(x, kept).transpose(1, 2)
        y = F.layer_norm(y, y.shape[-1:], *self._norm, eps=1e-6)
        y = F.linear(F.gelu(F.linear(y, *self._wide)), *self._narrow)
        return x + y.transpose(1, 2)


class Codebooks:
    """The sum of the vectors that a frame's codes name: the first group's projected by itself, the others' together."""

    def __init__(self, weights: Weights, name: str, groups: int, codes: int, width: int) -> None:
        books = [
            f"{name}.rvq_first.vq.layers.0",
            *(f"{name}.rvq_rest.vq.layers.{group}" for group in range(groups - 1)),
        ]
        self._table = torch.cat(
            [vectors(weights, f"{book}._codebook", "embedding_sum", codes, width // 2) for book in books]
        )
        parts = (
            weights(f"{name}.{part}.output_proj.weight", width, width // 2, 1) for part in ("rvq_first", "rvq_rest")
        )
        self._project = torch.cat(tuple(parts), 1).squeeze(-1)
        self._begins = torch.arange(groups, device=weights.device) * codes

    def __call__(self, codes: Tensor) -> Tensor:
        """(rows, frames, groups) -> (rows, channels, frames)."""
        named = F.embedding(codes + self._begins, self._table)
        both = torch.cat((named[..., 0, :], named[..., 1:, :].sum(-2)), -1)
        return F.linear(both, self._project).transpose(1, 2)


def vectors(weights: Weights, name: str, sums: str, codes: int, width: int) -> Tensor:
    """A codebook (codes, width): the file has each vector's sum over its uses in training, and how many they were."""
    return weights(f"{name}.{sums}", codes, width) / weights(f"{name}.cluster_usage", codes).clamp(min=1e-5)[:, None]


class Transformer:
    """Layers of attention over a sliding window. What is kept are the keys and values of the frames before, the newest
    last.
    """

    def __init__(self, weights: Weights, name: str, stack: Stack, latent_width: int, window: int) -> None:
        self._layers = [TransformerLayer(weights, f"{name}.layers.{layer}", stack) for layer in range(stack.layers)]
        self._enter = (
            weights(f"{name}.input_proj.weight", stack.width, latent_width),
            weights(f"{name}.input_proj.bias", stack.width),
        )
        self._leave = (
            weights(f"{name}.output_proj.weight", latent_width, stack.width),
            weights(f"{name}.output_proj.bias", latent_width),
        )
        self._norm, self._epsilon = weights(f"{name}.norm.weight", stack.width), stack.norm_epsilon
        self._frequencies = rotary_frequencies(stack, weights.device)
        self._before = window - 1
        self.kept = (stack.layers, 2, stack.heads, self._before, stack.head_size)

    def __call__(self, x: Tensor, kept: Tensor, heard: Tensor) -> Tensor:
        """`heard` (rows,) is how many frames came before: no more of what is kept means anything."""
        now = torch.arange(x.shape[-1], device=x.device)
        turns = rotary(heard[:, None] + now, self._frequencies, x.dtype)
        seen = torch.arange(self._before + x.shape[-1], device=x.device)
        window = (seen >= now[:, None]) & (seen <= now[:, None] + self._before)
        mask = window & (seen >= self._before - heard[:, None, None])
        x = F.linear(x.transpose(1, 2), *self._enter)
        for layer, before in zip(self._layers, kept.unbind(1), strict=True):
            x = layer(x, before, turns, mask[:, None])
        x = F.rms_norm(x, x.shape[-1:], self._norm, self._epsilon)
        return F.linear(x, *self._leave).transpose(1, 2)


class TransformerLayer:
    """Attention, then a gated network, each normed before and scaled after."""

    def __init__(self, weights: Weights, name: str, stack: Stack) -> None:
        width, inner, attended = stack.width, stack.inner_width, stack.heads * stack.head_size
        self._heads, self._head_size, self._epsilon = stack.heads, stack.head_size, stack.norm_epsilon
        self._norms = tuple(weights(f"{name}.{part}_layernorm.weight", width) for part in ("input", "post_attention"))
        self._attend = torch.cat([weights(f"{name}.self_attn.{part}_proj.weight", attended, width) for part in "qkv"])
        self._gate_up = torch.cat([weights(f"{name}.mlp.{part}_proj.weight", inner, width) for part in ("gate", "up")])
        scales = [weights(f"{name}.{part}_layer_scale.scale", width)[:, None] for part in ("self_attn", "mlp")]
        self._attended = weights(f"{name}.self_attn.o_proj.weight", width, attended) * scales[0]
        self._down = weights(f"{name}.mlp.down_proj.weight", width, inner) * scales[1]

    def __call__(self, x: Tensor, kept: Tensor, turns: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """`x` is (rows, time, width), `kept` (rows, 2, heads, before, head_size), `mask` (rows, 1, time, before +
        time).
        """
        normed = F.rms_norm(x, x.shape[-1:], self._norms[0], self._epsilon)
        x = x + F.linear(self._attention(F.linear(normed, self._attend), kept, turns, mask), self._attended)
        normed = F.rms_norm(x, x.shape[-1:], self._norms[1], self._epsilon)
        gate, up = F.linear(normed, self._gate_up).chunk(2, -1)
        return x + F.linear(F.silu(gate) * up, self._down)

    def _attention(self, attend: Tensor, kept: Tensor, turns: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        rows, time, _ = attend.shape
        split = attend.view(rows, time, 3, self._heads, self._head_size).permute(0, 2, 3, 1, 4)
        query, key = turned(split[:, :2], *turns).unbind(1)
        seen = torch.cat((kept, torch.stack((key, split[:, 2]), 1)), 3)
        kept.copy_(seen[:, :, :, time:])
        attended = F.scaled_dot_product_attention(query, seen[:, 0], seen[:, 1], mask)
        return attended.transpose(1, 2).flatten(2)


def rotary_frequencies(stack: Stack, device: torch.device) -> Tensor:
    """Radians per position, shape (head_size / 2,)."""
    exponents = torch.arange(0, stack.head_size, 2, device=device, dtype=torch.float32) / stack.head_size
    return 1.0 / stack.rope_theta**exponents


def rotary(positions: Tensor, frequencies: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines (rows, 1, 1, time, head_size) of positions (rows, time)."""
    angles = positions[:, None, None, :, None].float() * frequencies
    angles = torch.cat((angles, angles), -1)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def turned(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Queries or keys turned by their positions (J. Su and others, "RoFormer", 2021)."""
    first, second = x.chunk(2, -1)
    return x * cosines + torch.cat((-second, first), -1) * sines
