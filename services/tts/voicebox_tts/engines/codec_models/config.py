"""The configuration of language models, as the config.json and generation_config.json of their checkpoints have it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicebox_kit.errors import StartError


@dataclass(frozen=True)
class RopeScaling:
    """How Llama 3.1 and later stretch the rotary positions of low frequencies, by the names of config.json."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_max_position_embeddings: int


@dataclass(frozen=True)
class TransformerConfig:
    """A transformer's sizes, by the names of the checkpoints' config.json."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    rope_theta: float
    rms_norm_eps: float
    qk_norm: bool = True
    """Whether queries and keys are normalised, as in Qwen3; not in Llama."""
    rope_scaling: RopeScaling | None = None


@dataclass(frozen=True)
class SamplingParams:
    """How a code is sampled; without `do_sample`, greedily. A `top_k` of 0 considers all."""

    do_sample: bool = True
    temperature: float = 0.9
    top_k: int = 50
    top_p: float = 1.0
    repetition_penalty: float = 1.0


def document_of(path: Path) -> dict[str, Any]:
    """The JSON object in a file; StartError when there is none."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise StartError(f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise StartError(f"{path} is not a JSON object.")
    return document


def transformer_of(section: Mapping[str, Any]) -> TransformerConfig:
    """The sizes that a part of config.json names; KeyError and the like when some are missing."""
    heads = int(section["num_attention_heads"])
    return TransformerConfig(
        hidden_size=int(section["hidden_size"]),
        intermediate_size=int(section["intermediate_size"]),
        num_hidden_layers=int(section["num_hidden_layers"]),
        num_attention_heads=heads,
        num_key_value_heads=int(section["num_key_value_heads"]),
        head_dim=int(section.get("head_dim") or section["hidden_size"] // heads),
        rope_theta=float(section["rope_theta"]),
        rms_norm_eps=float(section["rms_norm_eps"]),
    )
