"""Which tensors of an untrusted checkpoint are taken. Runs in the confined process."""

from collections.abc import Mapping
from typing import Any

import torch

MAX_TENSORS = 4000
MAX_NAME = 200
MAX_DIMENSIONS = 4
_KINDS = (torch.float16, torch.bfloat16, torch.float32)


def checked(weight: Any, max_bytes: int) -> dict[str, torch.Tensor]:
    """The same tensors, each with its own memory; ValueError, in words for people. They are counted before they are
    copied: a small file may describe a huge tensor.
    """
    if not isinstance(weight, Mapping) or not 0 < len(weight) <= MAX_TENSORS:
        raise ValueError("it has no weights, or too many")
    size = 0
    for name, tensor in weight.items():
        if not isinstance(name, str) or len(name) > MAX_NAME or not _is_plain(tensor):
            raise ValueError("its weights are not tensors with names")
        size += tensor.numel() * tensor.element_size()
    if size > max_bytes:
        raise ValueError(f"its weights have more than {max_bytes} bytes")
    return {name: tensor.contiguous().clone() for name, tensor in weight.items()}


def _is_plain(tensor: Any) -> bool:
    is_tensor = type(tensor) is torch.Tensor and tensor.layout is torch.strided and tensor.device.type == "cpu"
    return is_tensor and tensor.dtype in _KINDS and tensor.dim() <= MAX_DIMENSIONS
