"""Where weights come from: a checkpoint's safetensors files, or chance, at their real sizes, to measure speed."""

from collections.abc import Sequence
from contextlib import ExitStack
from math import prod
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from voicebox_kit.errors import StartError


class Weights(Protocol):
    """Gives tensors on its device, in its number format."""

    device: torch.device
    dtype: torch.dtype

    def __call__(self, name: str, *shape: int) -> Tensor:
        """The tensor of this name; StartError when it is not there or has another shape."""


class StoredWeights:
    """Tensors of safetensors files. A context manager: the files are open within it."""

    def __init__(self, files: Sequence[Path], device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        self._paths = files
        self._stack = ExitStack()

    def __enter__(self) -> "StoredWeights":
        self._files = {}
        for path in self._paths:
            try:
                file = self._stack.enter_context(safe_open(path, framework="pt", device=str(self.device)))
            except (OSError, SafetensorError) as error:
                self._stack.close()
                raise StartError(f"{path} cannot be read: {error}") from error
            self._files.update(dict.fromkeys(file.keys(), file))
        return self

    def __exit__(self, *_: object) -> None:
        self._files = {}
        self._stack.close()

    def __call__(self, name: str, *shape: int) -> Tensor:
        if name not in self._files:
            raise StartError(f"{self._paths[0].parent} has no weights {name}.")
        tensor: Tensor = self._files[name].get_tensor(name)
        if tuple(tensor.shape) != shape:
            raise StartError(
                f"The weights {name} in {self._paths[0].parent} have the shape {tuple(tensor.shape)}, not {shape}."
            )
        return tensor.to(self.dtype)


class RandomWeights:
    """Tensors that keep signals at their level, as trained ones do: norms of 1, no biases, and the rest by chance."""

    def __init__(self, device: torch.device, dtype: torch.dtype, seed: int) -> None:
        self.device, self.dtype = device, dtype
        self._source = torch.Generator(device).manual_seed(seed)

    def __call__(self, name: str, *shape: int) -> Tensor:
        if len(shape) == 1:
            return torch.full(shape, 0.0 if name.endswith("bias") else 1.0, device=self.device, dtype=self.dtype)
        spread = 0.5 if "embedding" in name else prod(shape[1:]) ** -0.5
        return torch.empty(shape, device=self.device, dtype=self.dtype).normal_(0.0, spread, generator=self._source)
