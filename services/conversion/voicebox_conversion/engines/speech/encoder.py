"""HuBERT and WavLM: what is said, as 50 vectors a second, by the keys with which they are published."""

from pathlib import Path

import torch
from torch import nn
from voicebox_kit.errors import StartError

from . import config as configs
from .config import WAVLM, WEIGHTS, EncoderConfig
from .convolutions import FeatureExtractor, FeatureProjection, Position
from .transformer import Layer, distances
from .weights import folded, read

RATE_HZ = 16_000
FRAME_SAMPLES = 320
SPARE_SAMPLES = 80
"""What is needed behind a number of whole frames."""
UNUSED = ("masked_spec_embed", "final_proj.", "lm_head.", "project_", "quantizer.")
"""Tensors that are there for training."""


class Transformer(nn.Module):
    """The layers, and what stands before and behind them."""

    def __init__(self, config: EncoderConfig, layers: int) -> None:
        super().__init__()
        self.config = config
        self.pos_conv_embed = Position(config)
        self.layer_norm = nn.LayerNorm(config.hidden, eps=config.epsilon)
        self.layers = nn.ModuleList(Layer(config) for _ in range(layers))
        if config.kind == WAVLM:
            self.rel_attn_embed = nn.Embedding(config.buckets, config.heads)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        hidden = hidden + self.pos_conv_embed(hidden)
        if not self.config.norms_first:
            hidden = self.layer_norm(hidden)
        bias = self._bias(hidden) if self.config.kind == WAVLM else None
        for layer in self.layers:
            hidden = layer(hidden, bias)
        if self.config.norms_first and len(self.layers) == self.config.layers:
            hidden = self.layer_norm(hidden)
        return hidden

    def _bias(self, hidden: torch.Tensor) -> torch.Tensor:
        found = distances(hidden.shape[1], self.config.buckets, self.config.max_distance).to(hidden.device)
        bias: torch.Tensor = self.rel_attn_embed(found).permute(2, 0, 1)
        return bias


class SpeechEncoder(nn.Module):
    """From samples at RATE_HZ, shape (batch, samples), to the output of a layer, shape (batch, frames, hidden).

    Frame n is of the samples from n * FRAME_SAMPLES on, and there are (samples - 80) // FRAME_SAMPLES of them.
    """

    def __init__(self, config: EncoderConfig, layers: int) -> None:
        super().__init__()
        self.config = config
        self.feature_extractor = FeatureExtractor(config)
        self.feature_projection = FeatureProjection(config)
        self.encoder = Transformer(config, layers)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.encoder(self.feature_projection(self.feature_extractor(samples)))
        return made


def load(folder: Path, device: str, layers: int = 0) -> SpeechEncoder:
    """The encoder in a folder of config.json and model.safetensors, of its first `layers`, 0 for all. StartError when
    they cannot be used.
    """
    config = configs.read(folder)
    if layers > config.layers:
        raise StartError(f"{folder.name} has {config.layers} layers, but {layers} are needed.")
    encoder = SpeechEncoder(config, layers or config.layers)
    tensors = _named(folded(read(folder / WEIGHTS)), config.kind)
    wanted = {name: tensor for name, tensor in tensors.items() if not _is_further(name, layers or config.layers)}
    try:
        encoder.load_state_dict(wanted)
    except RuntimeError as error:
        raise StartError(f"The weights of {folder.name} are not those that its config describes: {error}") from error
    return encoder.to(device).eval().requires_grad_(False)


def _named(tensors: dict[str, torch.Tensor], kind: str) -> dict[str, torch.Tensor]:
    """The tensors without a prefix, and WavLM's table of distances outside its first layer, which all layers share."""
    table = "encoder.layers.0.attention.rel_attn_embed.weight"
    plain = {name.removeprefix(f"{kind}."): tensor for name, tensor in tensors.items()}
    if table in plain:
        plain["encoder.rel_attn_embed.weight"] = plain.pop(table)
    return plain


def _is_further(name: str, layers: int) -> bool:
    parts = name.split(".")
    return name.startswith(UNUSED) or (parts[:2] == ["encoder", "layers"] and int(parts[2]) >= layers)
