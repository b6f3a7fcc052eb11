"""The codec's encoder: audio becomes frames of codes (Mimi's: A. Défossez and others, "Moshi", 2024, section 3.3)."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from numpy.typing import NDArray
from torch import Tensor

from voicebox_tts.engines.codec_models.config import TransformerConfig
from voicebox_tts.engines.codec_models.parts import WEIGHTS
from voicebox_tts.engines.codec_models.weights import StoredWeights, Weights
from voicebox_tts.engines.qwen3.model import checkpoint

from . import config as codec_config
from .config import EncoderConfig
from .layers import apply_rotary_embedding, codebook, inverse_frequencies, rotary_embedding


class CodecEncoder:
    """The weights, and what is computed with them. Thread-safe."""

    def __init__(self, weights: Weights, config: EncoderConfig) -> None:
        self.device, self.dtype, self.num_quantizers = weights.device, weights.dtype, config.num_quantizers
        hidden_size = config.transformer.hidden_size
        self._seanet = SeanetEncoder(weights, "encoder.encoder.layers", config)
        self._transformer = [
            EncoderLayer(weights, f"encoder.encoder_transformer.layers.{n}", config.transformer)
            for n in range(config.transformer.num_hidden_layers)
        ]
        self._inverse_frequencies = inverse_frequencies(config.transformer, weights.device)
        self._downsample = weights("encoder.downsample.conv.weight", hidden_size, hidden_size, 4)
        quantizer = "encoder.quantizer.{}_residual_vector_quantizer"
        self._semantic_quantizer = ResidualVectorQuantizer(weights, quantizer.format("semantic"), 1, config)
        self._acoustic_quantizer = ResidualVectorQuantizer(
            weights, quantizer.format("acoustic"), config.num_quantizers - 1, config
        )

    @classmethod
    def load(cls, folder: Path, device: torch.device, dtype: torch.dtype = torch.float32) -> "CodecEncoder":
        """The encoder of the model in `folder`; StartError when it is none."""
        path = folder / checkpoint.SPEECH_TOKENIZER / WEIGHTS
        with StoredWeights([path], device, dtype) as weights:
            return cls(weights, codec_config.read(folder).encoder)

    @torch.inference_mode()
    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.int64]:
        """Mono audio at 24 kHz (samples,), not empty, to codes (frames, num_quantizers): one frame for 1920 samples,
        the last padded.
        """
        audio = torch.from_numpy(samples).to(self.device, self.dtype)
        x = self._seanet(audio[None, None]).transpose(1, 2)
        cos_sin = rotary_embedding(torch.arange(x.shape[1], device=x.device)[None], self._inverse_frequencies, x.dtype)
        for layer in self._transformer:
            x = layer(x, cos_sin)
        x = padded(x.transpose(1, 2), 4, 2, "replicate")
        x = F.conv1d(x, self._downsample, stride=2).transpose(1, 2).squeeze(0)
        codes: NDArray[np.int64] = (
            torch.cat((self._semantic_quantizer(x), self._acoustic_quantizer(x)), 1).cpu().numpy()
        )
        return codes


def padded(x: Tensor, kernel: int, stride: int, mode: str = "constant") -> Tensor:
    """Padding of (B, channels, time): on the left, so that the convolution is causal; on the right, to whole
    strides.
    """
    return F.pad(x, (kernel - stride, -x.shape[-1] % stride), mode=mode)


class CausalStridedConv:
    """A causal convolution with a stride."""

    def __init__(
        self, weights: Weights, name: str, shape: tuple[int, int, int], stride: int = 1, dilation: int = 1
    ) -> None:
        """`shape` is (out_channels, in_channels, kernel_size)."""
        self._weight, self._bias = weights(f"{name}.conv.weight", *shape), weights(f"{name}.conv.bias", shape[0])
        self._receptive_field = (shape[2] - 1) * dilation + 1
        self._stride, self._dilation = stride, dilation

    def __call__(self, x: Tensor) -> Tensor:
        x = padded(x, self._receptive_field, self._stride)
        return F.conv1d(x, self._weight, self._bias, self._stride, dilation=self._dilation)


class SeanetEncoder:
    """SEANet: convolutions from samples to 25 frames a second (Tagliasacchi et al., 2020)."""

    def __init__(self, weights: Weights, name: str, config: EncoderConfig) -> None:
        """The checkpoint numbers the layers together with the activations before them."""
        channels, number = config.num_filters, 1
        self._first = CausalStridedConv(weights, f"{name}.0", (channels, 1, config.kernel_size))
        self._steps: list[tuple[list[tuple[CausalStridedConv, CausalStridedConv]], CausalStridedConv]] = []
        for rate in config.downsampling_ratios:
            residuals = [
                _residual(weights, f"{name}.{number + n}.block", channels, n, config)
                for n in range(config.num_residual_layers)
            ]
            number += config.num_residual_layers + 1
            self._steps.append(
                (residuals, CausalStridedConv(weights, f"{name}.{number}", (2 * channels, channels, 2 * rate), rate))
            )
            channels, number = 2 * channels, number + 1
        self._last = CausalStridedConv(
            weights, f"{name}.{number + 1}", (config.transformer.hidden_size, channels, config.last_kernel_size)
        )

    def __call__(self, x: Tensor) -> Tensor:
        x = self._first(x)
        for residuals, down in self._steps:
            for wide, point in residuals:
                x = x + point(F.elu(wide(F.elu(x))))
            x = down(F.elu(x))
        return self._last(F.elu(x))


def _residual(
    weights: Weights, name: str, channels: int, number: int, config: EncoderConfig
) -> tuple[CausalStridedConv, CausalStridedConv]:
    inner = channels // config.compress
    wide = CausalStridedConv(
        weights,
        f"{name}.1",
        (inner, channels, config.residual_kernel_size),
        dilation=config.dilation_growth_rate**number,
    )
    return wide, CausalStridedConv(weights, f"{name}.3", (channels, inner, 1))


class EncoderLayer:
    """Causal attention and an MLP, each with LayerNorm before and a layer scale after, which is part of the weights."""

    def __init__(self, weights: Weights, name: str, config: TransformerConfig) -> None:
        size, inner = config.hidden_size, config.intermediate_size
        self._num_heads, self._head_dim = config.num_attention_heads, config.head_dim
        self._norm_eps = config.rms_norm_eps
        attention_size = config.num_attention_heads * config.head_dim
        names = [f"{name}.{part}_layernorm" for part in ("input", "post_attention")]
        self._norms = [(weights(f"{norm}.weight", size), weights(f"{norm}.bias", size)) for norm in names]
        self._qkv_proj = torch.cat(
            [weights(f"{name}.self_attn.{part}_proj.weight", attention_size, size) for part in "qkv"]
        )
        self._fc1 = weights(f"{name}.mlp.fc1.weight", inner, size)
        scales = [weights(f"{name}.{part}_layer_scale.scale", size)[:, None] for part in ("self_attn", "mlp")]
        self._o_proj = weights(f"{name}.self_attn.o_proj.weight", size, attention_size) * scales[0]
        self._fc2 = weights(f"{name}.mlp.fc2.weight", size, inner) * scales[1]

    def __call__(self, x: Tensor, cos_sin: tuple[Tensor, Tensor]) -> Tensor:
        """(1, T, hidden_size) to the same."""
        normed = F.layer_norm(x, x.shape[-1:], *self._norms[0], eps=self._norm_eps)
        x = x + F.linear(self._attention(F.linear(normed, self._qkv_proj), cos_sin), self._o_proj)
        normed = F.layer_norm(x, x.shape[-1:], *self._norms[1], eps=self._norm_eps)
        return x + F.linear(F.gelu(F.linear(normed, self._fc1)), self._fc2)

    def _attention(self, qkv: Tensor, cos_sin: tuple[Tensor, Tensor]) -> Tensor:
        heads = qkv.view(1, qkv.shape[1], 3, self._num_heads, self._head_dim).permute(0, 2, 3, 1, 4)
        query, key = apply_rotary_embedding(heads[:, :2], *cos_sin).unbind(1)
        return F.scaled_dot_product_attention(query, key, heads[:, 2], is_causal=True).transpose(1, 2).flatten(2)


class ResidualVectorQuantizer:
    """Residual vector quantisation: each codebook's nearest vector to what those before it left."""

    def __init__(self, weights: Weights, name: str, num_quantizers: int, config: EncoderConfig) -> None:
        dim, hidden_size = config.codebook_dim, config.transformer.hidden_size
        self._input_proj = weights(f"{name}.input_proj.weight", dim, hidden_size, 1).squeeze(-1)
        names = [f"{name}.layers.{index}.codebook" for index in range(num_quantizers)]
        self._codebooks = [codebook(weights, each, "embed_sum", config.codebook_size, dim) for each in names]

    def __call__(self, x: Tensor) -> Tensor:
        """(frames, hidden_size) to codes (frames, num_quantizers). Distances are compared in float32."""
        residual, codes = F.linear(x, self._input_proj), []
        for vectors in self._codebooks:
            nearest = torch.cdist(residual[None].float(), vectors[None].float()).squeeze(0).argmin(-1)
            residual = residual - F.embedding(nearest, vectors)
            codes.append(nearest)
        return torch.stack(codes, 1)
