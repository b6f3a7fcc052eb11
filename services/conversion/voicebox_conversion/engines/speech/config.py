"""The dimensions of an encoder of speech, as `config.json` beside its weights has them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicebox_kit.errors import StartError

FILE, WEIGHTS = "config.json", "model.safetensors"
HUBERT, WAVLM = "hubert", "wavlm"
_MAX = 100_000


@dataclass(frozen=True)
class EncoderConfig:
    """HuBERT or WavLM. `normalizes_each` is whether each convolution has a layer norm, else the first has a group norm;
    `norms_first` whether a layer's norms come before its parts.
    """

    kind: str
    hidden: int
    layers: int
    heads: int
    inner: int
    channels: tuple[int, ...]
    kernels: tuple[int, ...]
    strides: tuple[int, ...]
    has_conv_bias: bool
    normalizes_each: bool
    norms_first: bool
    position_kernel: int
    position_groups: int
    epsilon: float
    buckets: int
    max_distance: int


def read(folder: Path) -> EncoderConfig:
    """StartError for a config of something else."""
    try:
        config = json.loads((folder / FILE).read_bytes())
        if config["model_type"] not in (HUBERT, WAVLM):
            raise StartError(f"{folder.name} is a model of the type {config['model_type']!r}, not {HUBERT} or {WAVLM}.")
        read_config = _read(config)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StartError(f"The {FILE} of {folder.name} cannot be used: {error!r}.") from error
    if not len(read_config.channels) == len(read_config.kernels) == len(read_config.strides) > 0:
        raise StartError(f"The {FILE} of {folder.name} has convolutions of different numbers.")
    return read_config


def _read(config: dict[str, Any]) -> EncoderConfig:
    return EncoderConfig(
        kind=config["model_type"],
        hidden=_size(config["hidden_size"]),
        layers=_size(config["num_hidden_layers"]),
        heads=_size(config["num_attention_heads"]),
        inner=_size(config["intermediate_size"]),
        channels=tuple(map(_size, config["conv_dim"])),
        kernels=tuple(map(_size, config["conv_kernel"])),
        strides=tuple(map(_size, config["conv_stride"])),
        has_conv_bias=bool(config.get("conv_bias", False)),
        normalizes_each=config.get("feat_extract_norm", "group") == "layer",
        norms_first=bool(config.get("do_stable_layer_norm", False)),
        position_kernel=_size(config.get("num_conv_pos_embeddings", 128)),
        position_groups=_size(config.get("num_conv_pos_embedding_groups", 16)),
        epsilon=float(config.get("layer_norm_eps", 1e-5)),
        buckets=_size(config.get("num_buckets", 320)),
        max_distance=_size(config.get("max_bucket_distance", 800)),
    )


def _size(value: Any) -> int:
    if not isinstance(value, int) or not 0 < value <= _MAX:
        raise ValueError(f"{value!r} is no size")
    return value
