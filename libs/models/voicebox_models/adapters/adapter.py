"""An adapter in a folder: its manifest and its tensors. LoRA: Hu et al., 2021.

Two tensors change one matrix of the base model, (out, in): `{matrix}.lora_A`, (rank, in), and `{matrix}.lora_B`, (out,
rank); `scale * B @ A` is added to it. What an engine needs besides has a name without these endings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from voicebox_kit.errors import InvalidField, StartError

from . import tensors
from .manifest import FILE, Manifest, read_manifest

TENSORS = "adapter.safetensors"
DOWN, UP = ".lora_A", ".lora_B"


@dataclass(frozen=True)
class Adapter:
    """One that lies in a folder. Its tensors are read when they are first needed."""

    folder: Path
    manifest: Manifest

    @cached_property
    def tensors(self) -> Mapping[str, NDArray[np.float32]]:
        """All of them; StartError for a file that cannot be read."""
        try:
            read = tensors.read(self.folder / TENSORS)
        except (ValueError, OSError) as error:
            raise StartError(f"The adapter in {self.folder} cannot be read: {error}") from error
        if sentence := problem(read, self.manifest.rank):
            raise StartError(f"The adapter in {self.folder} cannot be used: {sentence}")
        return read

    def delta(self, matrix: str, shape: Sequence[int]) -> NDArray[np.float32] | None:
        """What is added to a matrix of the base, whose shape is (out, in); None where it stays as it is.

        StartError for a base of another size, before anything is computed: the product of two matrices of a small file
        may have no room in memory.
        """
        down, up = self.tensors.get(matrix + DOWN), self.tensors.get(matrix + UP)
        if down is None or up is None:
            return None
        if (len(up), down.shape[1]) != tuple(shape):
            raise StartError(f"The adapter in {self.folder} is for another size of model than its base.")
        return np.float32(self.manifest.scale) * (up @ down)

    @property
    def matrices(self) -> frozenset[str]:
        """The names of those that it changes."""
        return frozenset(name.removesuffix(DOWN) for name in self.tensors if name.endswith(DOWN))


def holds_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter, and no model of its own."""
    return (folder / TENSORS).is_file()


def manifest(folder: Path | None) -> Manifest | None:
    """Of the adapter in a folder; None where there is none, or one that cannot be read: loading it says why."""
    try:
        found = find(folder) if folder else None
    except StartError:
        return None
    return found.manifest if found else None


def find(folder: Path) -> Adapter | None:
    """The adapter in a folder; None when there is none. StartError for one whose manifest is damaged."""
    path = folder / FILE
    if not (folder / TENSORS).is_file() or not path.is_file():
        return None
    try:
        return Adapter(folder, read_manifest(path.read_bytes()))
    except (InvalidField, OSError) as error:
        raise StartError(f"{path} cannot be read: {error}") from error


def problem(read: Mapping[str, NDArray[np.float32]], rank: int) -> str | None:
    """Why these are not the tensors of an adapter, as a sentence; None when they are."""
    for name, tensor in read.items():
        if not np.isfinite(tensor).all():
            return f"{name[:100]} has numbers that are not finite."
        other = name.removesuffix(DOWN) + UP if name.endswith(DOWN) else name.removesuffix(UP) + DOWN
        if name.endswith((DOWN, UP)) and (
            other not in read or tensor.ndim != 2 or tensor.shape[name.endswith(UP)] != rank
        ):
            return f"{name[:100]} is not one of two matrices of the rank {rank}."
    return None if any(name.endswith(DOWN) for name in read) else "it changes nothing."
