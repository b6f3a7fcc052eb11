"""Weights as they are published: read from safetensors, and with weight normalization multiplied out."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import nn
from voicebox_kit.errors import StartError

Tensors = Mapping[str, torch.Tensor]

_NORMALIZED = ((".weight_g", ".weight_v"), (".parametrizations.weight.original0", ".parametrizations.weight.original1"))
"""How a weight's length and direction are called: by torch before version 2, and after."""


def read(file: Path, device: str = "cpu") -> dict[str, torch.Tensor]:
    """All tensors of a file; StartError when it is none."""
    try:
        with safe_open(file, framework="pt", device=device) as tensors:
            return {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118 - it is no mapping
    except (OSError, SafetensorError) as error:
        raise StartError(f"{file.name} is not a file of weights that can be used: {error}") from error


def folded(tensors: Tensors) -> dict[str, torch.Tensor]:
    """The same tensors with one weight in place of each length and direction, all in float32.

    The length has one value for each place of the dimension in which it is not 1.
    """
    plain: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        if not any(ending in name for pair in _NORMALIZED for ending in pair):
            plain[name] = tensor.float() if tensor.is_floating_point() else tensor
        for length_ending, direction_ending in _NORMALIZED:
            if name.endswith(direction_ending):
                start = name.removesuffix(direction_ending)
                plain[f"{start}.weight"] = _multiplied(tensors[start + length_ending], tensor)
    return plain


def _multiplied(length: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    length, direction = length.float(), direction.float()
    others = [axis for axis in range(direction.dim()) if length.shape[axis] == 1]
    whole: torch.Tensor = direction * (length / torch.linalg.vector_norm(direction, dim=others, keepdim=True))
    return whole


def parameter_count(module: nn.Module) -> int:
    """How many numbers a module has learned."""
    return sum(parameter.numel() for parameter in module.parameters())
