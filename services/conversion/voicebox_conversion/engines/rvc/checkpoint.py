"""What a checkpoint of RVC v2 must hold, and how it becomes a voice. Runs in the confined process."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from voicebox_conversion.engines.importing.faiss_index import vectors
from voicebox_conversion.engines.importing.tensors import checked

from .config import SynthesizerConfig, from_checkpoint
from .index import MAX_VECTORS
from .voice import INDEX, metadata

_RATES = {"32k": 32_000, "40k": 40_000, "48k": 48_000}
_VOCODERS = ("HiFi-GAN", None, "")


def without_index(checkpoint: Any, max_bytes: int) -> tuple[Mapping[str, Any], bytes]:
    """What there is to know of a voice, and its file. ValueError, in words for people, when it is none."""
    config, tensors = converted(checkpoint, max_bytes)
    return {"rate_hz": config.rate_hz, "metrics": {}}, save(tensors, metadata(config, 0.0))


def with_index(checkpoint: Any, index: bytes, max_bytes: int) -> tuple[Mapping[str, Any], bytes]:
    """The same with the vectors of its index, of which evenly chosen ones are kept when there are too many."""
    config, tensors = converted(checkpoint, max_bytes)
    given = vectors(index, config.features)
    if not len(given):
        raise ValueError("the index is empty")
    kept = given[np.linspace(0, len(given) - 1, min(len(given), MAX_VECTORS)).astype(int)]
    tensors[INDEX] = torch.from_numpy(kept.astype(np.float16))
    figures = {"index_vectors": len(kept), "index_vectors_given": len(given)}
    return {"rate_hz": config.rate_hz, "metrics": figures}, save(tensors, metadata(config, 0.0))


def converted(checkpoint: Any, max_bytes: int) -> tuple[SynthesizerConfig, dict[str, torch.Tensor]]:
    """The config and the tensors of a voice. ValueError, in words for people, when it is none."""
    if not isinstance(checkpoint, Mapping):
        raise ValueError("it holds no voice model of RVC")  # noqa: TRY004 - it is a value of a file
    if "model" in checkpoint and "weight" not in checkpoint:
        raise ValueError("it is a checkpoint of a training, not a voice model: extract the small model first")
    if (version := checkpoint.get("version", "v1")) != "v2":
        raise ValueError(f"it is of RVC {str(version)[:20]}, and only v2 is read")
    if checkpoint.get("vocoder") not in _VOCODERS:
        raise ValueError("its vocoder is not HiFi-GAN")
    weight = checked(checkpoint.get("weight"), max_bytes)
    tensors = {name: tensor for name, tensor in weight.items() if not name.startswith("enc_q.")}
    features, speakers = _rows(tensors, "enc_p.emb_phone.weight", 1), _rows(tensors, "emb_g.weight", 0)
    return from_checkpoint(_values(checkpoint.get("config")), _has_pitch(checkpoint), features, speakers), tensors


def _has_pitch(checkpoint: Mapping[str, Any]) -> bool:
    has_pitch = checkpoint.get("f0", 1)
    if has_pitch not in (0, 1):
        raise ValueError("it does not say whether it has a pitch")
    return bool(has_pitch)


def _values(values: Any) -> list[Any]:
    if not isinstance(values, list | tuple) or not values:
        raise ValueError("it has no config")
    return [*values[:-1], _RATES.get(values[-1], values[-1]) if isinstance(values[-1], str) else values[-1]]


def _rows(tensors: Mapping[str, torch.Tensor], name: str, axis: int) -> int:
    if name not in tensors or tensors[name].dim() != 2:
        raise ValueError(f"it has no {name}")
    return tensors[name].shape[axis]
