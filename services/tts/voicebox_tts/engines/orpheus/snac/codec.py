"""SNAC: 24 kHz speech as three layers of codes, and back.

Written from the published layout (github.com/hubertsiuzdak/snac, MIT). The package draws the decoder's noise from
torch's global generator: speech would not be repeatable by a seed, nor streamed speech that of the whole. Here it is
given.
"""

from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from voicebox_kit.errors import StartError

from voicebox_tts.engines.codec_models.parts import WEIGHTS
from voicebox_tts.engines.orpheus import tokens
from voicebox_tts.engines.orpheus.tokens import CODEBOOK_SIZE

from . import config as snac_config
from .config import KERNEL, STEPS, STRIDES, SnacConfig
from .layers import (
    Layer,
    SnacWeights,
    activation,
    chain,
    convolution,
    downsampling,
    residual_units,
    upsampling,
)


class Quantizer:
    """One layer of codes: a codebook of few dimensions, and the projections to it and back."""

    def __init__(self, weights: SnacWeights, name: str, config: SnacConfig, stride: int) -> None:
        self._stride = stride
        self._codebook = weights(f"{name}.codebook.weight", CODEBOOK_SIZE, config.codebook_dim)
        self._to_codebook = convolution(weights, f"{name}.in_proj", config.latent_dim, config.codebook_dim, 1)
        self._from_codebook = convolution(weights, f"{name}.out_proj", config.codebook_dim, config.latent_dim, 1)

    def latents(self, codes: Tensor) -> Tensor:
        """(B, steps / stride) to (B, latent_dim, steps)."""
        found = F.embedding(codes, self._codebook).transpose(1, 2)
        return self._from_codebook(found).repeat_interleave(self._stride, -1)

    def codes(self, latents: Tensor) -> Tensor:
        """The nearest codes by their angles, (B, latent_dim, steps) to (B, steps / stride)."""
        projected = self._to_codebook(F.avg_pool1d(latents, self._stride, self._stride))
        angles = torch.einsum("bdt,nd->btn", F.normalize(projected, dim=1), F.normalize(self._codebook, dim=1))
        return angles.argmax(-1)


class SnacDecoder:
    """Codes to audio. Immutable."""

    def __init__(self, weights: SnacWeights, config: SnacConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self._quantizers = quantizers(weights, config)
        self._first = [
            convolution(weights, "decoder.model.0", config.latent_dim, config.latent_dim, KERNEL, config.latent_dim),
            convolution(weights, "decoder.model.1", config.latent_dim, config.decoder_dim, 1),
        ]
        self._blocks = [
            _Block(weights, f"decoder.model.{2 + number}.block", config.decoder_dim >> number, rate, config)
            for number, rate in enumerate(config.decoder_rates)
        ]
        channels, end = config.decoder_dim >> len(config.decoder_rates), 2 + len(config.decoder_rates)
        self._last = [
            activation(weights, f"decoder.model.{end}", channels),
            convolution(weights, f"decoder.model.{end + 1}", channels, 1, KERNEL),
        ]

    def __call__(self, codes: NDArray[np.int64], noise: Sequence[Tensor]) -> Tensor:
        """Codes (B, frames, SLOTS) to audio (B, samples); `noise` is that of each block, (B, 1, steps)."""
        layers = [torch.from_numpy(layer).to(self.device) for layer in tokens.layers(codes)]
        latents = torch.stack([each.latents(layer) for each, layer in zip(self._quantizers, layers, strict=True)])
        x = chain(self._first, latents.sum(0))
        for block, numbers in zip(self._blocks, noise, strict=True):
            x = block(x, numbers)
        return torch.tanh(chain(self._last, x))[:, 0]


class _Block:
    """A step of the decoder: longer, with half the channels."""

    def __init__(self, weights: SnacWeights, name: str, channels: int, rate: int, config: SnacConfig) -> None:
        self._first = [
            activation(weights, f"{name}.0", channels),
            upsampling(weights, f"{name}.1", channels, channels // 2, rate),
        ]
        half = channels // 2
        self._loudness = weights.normalised(f"{name}.2.linear", half, half, 1) if config.noise else None
        self._units = residual_units(weights, name, 3 if config.noise else 2, half)

    def __call__(self, x: Tensor, noise: Tensor) -> Tensor:
        x = chain(self._first, x)
        if self._loudness is not None:
            x = x + noise * F.conv1d(x, self._loudness)
        return chain(self._units, x)


class SnacEncoder:
    """Audio to codes. Immutable."""

    def __init__(self, weights: SnacWeights, config: SnacConfig, device: torch.device) -> None:
        self._config, self._device = config, device
        self._quantizers = quantizers(weights, config)
        channels = config.encoder_dim
        self._layers: list[Layer] = [convolution(weights, "encoder.block.0", 1, channels, KERNEL)]
        for number, rate in enumerate(config.encoder_rates, 1):
            name = f"encoder.block.{number}.block"
            self._layers += [
                *residual_units(weights, name, 0, channels),
                activation(weights, f"{name}.3", channels),
                downsampling(weights, f"{name}.4", channels, 2 * channels, rate),
            ]
            channels *= 2
        end = f"encoder.block.{len(config.encoder_rates) + 1}"
        self._layers.append(convolution(weights, end, channels, channels, KERNEL, channels))

    @torch.inference_mode()
    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.int64]:
        """Audio (samples,) at the codec's rate to codes (frames, SLOTS); silence fills up the last frame."""
        frame = STEPS * prod(self._config.encoder_rates)
        padded = np.pad(samples, (0, -len(samples) % frame))
        latents = chain(self._layers, torch.from_numpy(padded)[None, None].to(self._device))
        layers = []
        for quantizer in self._quantizers:
            codes = quantizer.codes(latents)
            latents = latents - quantizer.latents(codes)
            layers.append(codes[0].cpu().numpy())
        return tokens.frames(layers)


def quantizers(weights: SnacWeights, config: SnacConfig) -> list[Quantizer]:
    """Those of all layers, the coarsest first."""
    return [
        Quantizer(weights, f"quantizer.quantizers.{number}", config, stride) for number, stride in enumerate(STRIDES)
    ]


def read_weights(folder: Path, device: torch.device) -> SnacWeights:
    """Of the codec in `folder`, in float32: it is the smaller part of the work, and makes the audio. StartError when
    the file cannot be read.
    """
    path = folder / WEIGHTS
    try:
        tensors = load_file(path, str(device))
    except (OSError, SafetensorError, ValueError) as error:
        raise StartError(f"{path} cannot be read: {error}") from error
    return SnacWeights({name: tensor.float() for name, tensor in tensors.items()}, str(path))


@torch.inference_mode()
def load_decoder(folder: Path, device: torch.device) -> SnacDecoder:
    """That of the codec in `folder`. StartError when its files do not do."""
    return SnacDecoder(read_weights(folder, device), snac_config.read(folder), device)


@torch.inference_mode()
def load_encoder(folder: Path, device: torch.device) -> SnacEncoder:
    """As load_decoder."""
    return SnacEncoder(read_weights(folder, device), snac_config.read(folder), device)
