"""AudioSeal's tensors as its checkpoints name them, under the names of our networks."""

import re
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from voicebox_kit.errors import StartError

GENERATOR, DETECTOR = "generator.safetensors", "detector.safetensors"
_RENAMED = (
    (re.compile(r"\.inner_conv\b"), ""),
    (re.compile(r"\.conv\.conv\."), ".conv."),
    (re.compile(r"\.convtr\.convtr\."), ".convtr."),
    (re.compile(r"\.parametrizations\.weight\.original0$"), ".weight_g"),
    (re.compile(r"\.parametrizations\.weight\.original1$"), ".weight_v"),
)
"""Newer and older checkpoints wrap a convolution once, twice or three times."""


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, weight normalisation multiplied out. StartError when it cannot be read."""
    try:
        return plain(load_file(path))
    except (OSError, SafetensorError, ValueError) as error:
        raise StartError(f"{path.name} of the watermark cannot be read: {error}.") from error


def plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same under our names; ValueError where a half of a weight is missing."""
    renamed = {_renamed(name): tensor.float() for name, tensor in tensors.items()}
    result = {name: tensor for name, tensor in renamed.items() if not name.endswith((".weight_g", ".weight_v"))}
    for name, direction in renamed.items():
        if name.endswith(".weight_v"):
            weight = name.removesuffix("_v")
            if f"{weight}_g" not in renamed:
                raise ValueError(f"there is no {weight}_g")
            length = torch.linalg.vector_norm(direction, dim=(1, 2), keepdim=True)
            result[weight] = direction / length * renamed[f"{weight}_g"]
    return result


def _renamed(name: str) -> str:
    for pattern, replacement in _RENAMED:
        name = pattern.sub(replacement, name)
    return name
