"""Low-rank adaptation (LoRA: Hu et al., 2021) of weights while they are read: gradients reach the small matrices."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor
from voicebox_models.adapters.adapter import DOWN, UP

from voicebox_tts.engines.codec_models.parts import parts
from voicebox_tts.engines.codec_models.weights import StoredWeights


class HeldWeights:
    """The weights of a folder, each read once."""

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        self._parts = parts(folder)
        self.tensors: dict[str, Tensor] = {}

    def __call__(self, name: str, *shape: int) -> Tensor:
        if name not in self.tensors:
            with StoredWeights(self._parts, self.device, self.dtype) as stored:
                self.tensors[name] = stored(name, *shape)
        return self.tensors[name]


class LoraWeights:
    """Another's weights, with `scale * B @ A` added to the matrices whose names match `targets`."""

    def __init__(self, weights: HeldWeights, targets: re.Pattern[str], rank: int, scale: float, seed: int) -> None:
        self.device, self.dtype = weights.device, weights.dtype
        self._weights, self._targets, self._rank, self._scale = weights, targets, rank, scale
        self._random = torch.Generator().manual_seed(seed)
        self.parameters: dict[str, Tensor] = {}

    def __call__(self, name: str, *shape: int) -> Tensor:
        tensor, matrix = self._weights(name, *shape), name.removesuffix(".weight")
        if not self._targets.fullmatch(matrix):
            return tensor
        if matrix + DOWN not in self.parameters:
            self._begin(matrix, shape[1], shape[0])
        delta = self._scale * (self.parameters[matrix + UP] @ self.parameters[matrix + DOWN])
        return tensor + delta.to(tensor.dtype)

    def restore(self, values: Mapping[str, Tensor]) -> None:
        """Set all parameters."""
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(values[name])

    def _begin(self, matrix: str, columns: int, rows: int) -> None:
        """At first the product is zero: B is."""
        down = torch.randn(self._rank, columns, generator=self._random) * columns**-0.5
        for name, value in ((matrix + DOWN, down), (matrix + UP, torch.zeros(rows, self._rank))):
            self.parameters[name] = value.to(self.device).requires_grad_()


def trainable(parameters: Mapping[str, Tensor]) -> Iterable[Tensor]:
    """In an order that is always the same."""
    return [parameters[name] for name in sorted(parameters)]
