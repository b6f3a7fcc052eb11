"""The codec's encoder: audio becomes frames of codes (Mimi's: A. Défossez and others, "Moshi", 2024, section 3.3)."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from numpy.typing import NDArray
from torch import Tensor

from voicebox_tts.engines.qwen3.model import checkpoint
from voicebox_tts.engines.qwen3.model.config import Stack
from voicebox_tts.engines.qwen3.model.weights import StoredWeights, Weights

from . import config as codec_config
from .config import EncoderConfig
from .layers import rotary, rotary_frequencies, turned, vectors


class CodecEncoder:
    """The weights, and what is computed with them. Thread-safe."""

    def __init__(self, weights: Weights, config: EncoderConfig) -> None:
        self.device, self.dtype, self.groups = weights.device, weights.dtype, config.groups
        width = config.transformer.width
        self._network = Network(weights, "encoder.encoder.layers", config)
        self._transformer = [
            Layer(weights, f"encoder.encoder_transformer.layers.{n}", config.transformer)
            for n in range(config.transformer.layers)
        ]
        self._frequencies = rotary_frequencies(config.transformer, weights.device)
        self._downsample = weights("encoder.downsample.conv.weight", width, width, 4)
        quantizer = "encoder.quantizer.{}_residual_vector_quantizer"
        self._semantic = Quantizer(weights, quantizer.format("semantic"), 1, config)
        self._acoustic = Quantizer(weights, quantizer.format("acoustic"), config.groups - 1, config)

    @classmethod
    def load(cls, folder: Path, device: torch.device, dtype: torch.dtype = torch.float32) -> "CodecEncoder":
        """The encoder of the model in `folder`; StartError when it is none."""
        path = folder / checkpoint.SPEECH_TOKENIZER / checkpoint.WEIGHTS
        with StoredWeights([path], device, dtype) as weights:
            return cls(weights, codec_config.read(folder).encoder)

    @torch.inference_mode()
    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.int64]:
        """Mono audio at 24 kHz (samples,), at least one -> codes (frames, groups): a frame of each 1920 samples, the
        last filled up.
        """
        audio = torch.from_numpy(samples).to(self.device, self.dtype)
        x = self._network(audio[None, None]).transpose(1, 2)
        turns = rotary(torch.arange(x.shape[1], device=x.device)[None], self._frequencies, x.dtype)
        for layer in self._transformer:
            x = layer(x, turns)
        x = padded(x.transpose(1, 2), 4, 2, "replicate")
        x = F.conv1d(x, self._downsample, stride=2).transpose(1, 2).squeeze(0)
        codes: NDArray[np.int64] = torch.cat((self._semantic(x), self._acoustic(x)), 1).cpu().numpy()
        return codes


def padded(x: Tensor, kernel: int, stride: int, mode: str = "constant") -> Tensor:
    """Before (rows, channels, time), so that a convolution looks at no later time; after it, so that its last stride is
    whole.
    """
    return F.pad(x, (kernel - stride, -x.shape[-1] % stride), mode=mode)


class Conv:
    """A causal convolution, which makes one time of each `stride`."""

    def __init__(
        self, weights: Weights, name: str, shape: tuple[int, int, int], stride: int = 1, dilation: int = 1
    ) -> None:
        """`shape` is (outputs, inputs, taps)."""
        self._weight, self._bias = weights(f"{name}.conv.weight", *shape), weights(f"{name}.conv.bias", shape[0])
        self._reach = (shape[2] - 1) * dilation + 1
        self._stride, self._dilation = stride, dilation

    def __call__(self, x: Tensor) -> Tensor:
        x = padded(x, self._reach, self._stride)
        return F.conv1d(x, self._weight, self._bias, self._stride, dilation=self._dilation)


class Network:
    """Convolutions from samples to 25 times a second (SEANet: M. Tagliasacchi and others, 2020)."""

    def __init__(self, weights: Weights, name: str, config: EncoderConfig) -> None:
        """The file counts the layers together with the activations before them."""
        channels, number = config.filters, 1
        self._first = Conv(weights, f"{name}.0", (channels, 1, config.kernel))
        self._steps: list[tuple[list[tuple[Conv, Conv]], Conv]] = []
        for rate in config.rates:
            residuals = [
                _residual(weights, f"{name}.{number + n}.block", channels, n, config) for n in range(config.residuals)
            ]
            number += config.residuals + 1
            self._steps.append((residuals, Conv(weights, f"{name}.{number}", (2 * channels, channels, 2 * rate), rate)))
            channels, number = 2 * channels, number + 1
        self._last = Conv(weights, f"{name}.{number + 1}", (config.transformer.width, channels, config.last_kernel))

    def __call__(self, x: Tensor) -> Tensor:
        x = self._first(x)
        for residuals, down in self._steps:
            for wide, point in residuals:
                x = x + point(F.elu(wide(F.elu(x))))
            x = down(F.elu(x))
        return self._last(F.elu(x))


def _residual(weights: Weights, name: str, channels: int, number: int, config: EncoderConfig) -> tuple[Conv, Conv]:
    inner = channels // config.compress
    wide = Conv(
        weights, f"{name}.1", (inner, channels, config.residual_kernel), dilation=config.dilation_growth**number
    )
    return wide, Conv(weights, f"{name}.3", (channels, inner, 1))


class Layer:
    """Attention to all that came before, then a network, each normed before and scaled after."""

    def __init__(self, weights: Weights, name: str, stack: Stack) -> None:
        width, inner, attended = stack.width, stack.inner_width, stack.heads * stack.head_size
        self._heads, self._head_size, self._epsilon = stack.heads, stack.head_size, stack.norm_epsilon
        names = [f"{name}.{part}_layernorm" for part in ("input", "post_attention")]
        self._norms = [(weights(f"{norm}.weight", width), weights(f"{norm}.bias", width)) for norm in names]
        self._attend = torch.cat([weights(f"{name}.self_attn.{part}_proj.weight", attended, width) for part in "qkv"])
        self._wide = weights(f"{name}.mlp.fc1.weight", inner, width)
        scales = [weights(f"{name}.{part}_layer_scale.scale", width)[:, None] for part in ("self_attn", "mlp")]
        self._attended = weights(f"{name}.self_attn.o_proj.weight", width, attended) * scales[0]
        self._narrow = weights(f"{name}.mlp.fc2.weight", width, inner) * scales[1]

    def __call__(self, x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
        """`x` is (1, time, width)."""
        normed = F.layer_norm(x, x.shape[-1:], *self._norms[0], eps=self._epsilon)
        x = x + F.linear(self._attention(F.linear(normed, self._attend), turns), self._attended)
        normed = F.layer_norm(x, x.shape[-1:], *self._norms[1], eps=self._epsilon)
        return x + F.linear(F.gelu(F.linear(normed, self._wide)), self._narrow)

    def _attention(self, attend: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
        split = attend.view(1, attend.shape[1], 3, self._heads, self._head_size).permute(0, 2, 3, 1, 4)
        query, key = turned(split[:, :2], *turns).unbind(1)
        return F.scaled_dot_product_attention(query, key, split[:, 2], is_causal=True).transpose(1, 2).flatten(2)


class Quantizer:
    """Each group's nearest vector to what the groups before it left over."""

    def __init__(self, weights: Weights, name: str, groups: int, config: EncoderConfig) -> None:
        self._project = weights(f"{name}.input_proj.weight", config.code_width, config.transformer.width, 1).squeeze(-1)
        names = [f"{name}.layers.{group}.codebook" for group in range(groups)]
        self._books = [vectors(weights, book, "embed_sum", config.codes, config.code_width) for book in names]

    def __call__(self, x: Tensor) -> Tensor:
        """(frames, channels) -> codes (frames, groups). Distances are compared in float32."""
        left, codes = F.linear(x, self._project), []
        for book in self._books:
            nearest = torch.cdist(left[None].float(), book[None].float()).squeeze(0).argmin(-1)
            left = left - F.embedding(nearest, book)
            codes.append(nearest)
        return torch.stack(codes, 1)
