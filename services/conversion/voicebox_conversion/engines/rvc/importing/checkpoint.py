"""What a checkpoint of RVC v2 must hold, and how it becomes a voice. Runs in the confined process."""

from collections.abc import Mapping
from typing import Any

import torch

from voicebox_conversion.engines.rvc.config import FEATURES, SynthesizerConfig, from_checkpoint

MAX_TENSORS = 4000
MAX_NAME = 200
MAX_DIMENSIONS = 4
_KINDS = (torch.float16, torch.bfloat16, torch.float32)
_RATES = {"32k": 32_000, "40k": 40_000, "48k": 48_000}
_VOCODERS = ("HiFi-GAN", "hifigan", None, "")


def converted(checkpoint: Any, max_bytes: int) -> tuple[SynthesizerConfig, dict[str, torch.Tensor]]:
    """The config and the tensors of a voice. ValueError, in words for people, when it is none."""
    if not isinstance(checkpoint, Mapping):
        raise ValueError("it holds no voice model")
    if "model" in checkpoint and "weight" not in checkpoint:
        raise ValueError("it is a checkpoint of a training, not a voice model: extract the small model first")
    if (version := checkpoint.get("version", "v1")) != "v2":
        raise ValueError(f"it is of RVC {str(version)[:20]}, and only v2 is read")
    if checkpoint.get("vocoder") not in _VOCODERS:
        raise ValueError("its vocoder is not HiFi-GAN")
    tensors = _tensors(checkpoint.get("weight"), max_bytes)
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


def _tensors(weight: Any, max_bytes: int) -> dict[str, torch.Tensor]:
    """Those that a voice needs. They are counted before they are copied: a small file may describe a huge tensor."""
    if not isinstance(weight, Mapping) or not 0 < len(weight) <= MAX_TENSORS:
        raise ValueError("it has no weights, or too many")
    size = 0
    for name, tensor in weight.items():
        if not isinstance(name, str) or len(name) > MAX_NAME or not _is_plain(tensor):
            raise ValueError("its weights are not tensors with names")
        size += tensor.numel() * tensor.element_size()
    if size > max_bytes:
        raise ValueError(f"its weights have more than {max_bytes} bytes")
    return {name: tensor.contiguous().clone() for name, tensor in weight.items() if not name.startswith("enc_q.")}


def _is_plain(tensor: Any) -> bool:
    is_tensor = type(tensor) is torch.Tensor and tensor.layout is torch.strided and tensor.device.type == "cpu"
    return is_tensor and tensor.dtype in _KINDS and tensor.dim() <= MAX_DIMENSIONS


def _rows(tensors: Mapping[str, torch.Tensor], name: str, axis: int) -> int:
    if name not in tensors or tensors[name].dim() != 2:
        raise ValueError(f"it has no {name}")
    return tensors[name].shape[axis] or FEATURES
