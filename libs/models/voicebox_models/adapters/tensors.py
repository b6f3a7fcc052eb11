"""Reads and writes small safetensors files with NumPy: the tensors of adapters and of checkpoints."""

import json
import os
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicebox_models import tensor_files

Tensors = Mapping[str, NDArray[np.float32]]

BYTES = {"F32": 4, "F16": 2, "BF16": 2}
"""Of a number, in the formats that are read."""
MAX_TENSORS = 20_000
MAX_DIMENSIONS, MAX_SIDE = 8, 1 << 31


def write(path: Path, tensors: Tensors) -> None:
    """Write tensors as F32, and wait until they are on the disk. The same tensors give the same bytes."""
    header: dict[str, Any] = {}
    position = 0
    for name in sorted(tensors):
        tensor = tensors[name]
        header[name] = {
            "dtype": "F32", "shape": list(tensor.shape), "data_offsets": [position, position + 4 * tensor.size]
        }  # fmt: skip
        position += 4 * tensor.size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in sorted(tensors):
            file.write(np.ascontiguousarray(tensors[name], "<f4").tobytes())
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> dict[str, NDArray[np.float32]]:
    """All tensors of a file, as float32. ValueError, in a sentence, for a file that is not what it should be."""
    header = tensor_files.header(path)
    if len(header) > MAX_TENSORS:
        raise ValueError(f"{path.name} has more than {MAX_TENSORS} tensors.")
    with path.open("rb") as file:
        begin = 8 + int.from_bytes(file.read(8), "little")
        return {name: _tensor(file, begin, name, entry) for name, entry in header.items()}


def _tensor(file: Any, begin: int, name: str, entry: Mapping[str, Any]) -> NDArray[np.float32]:
    try:
        kind, shape, (start, end) = str(entry["dtype"]), tuple(map(int, entry["shape"])), entry["data_offsets"]
        is_bounded = len(shape) <= MAX_DIMENSIONS and all(0 <= side <= MAX_SIDE for side in shape)
        is_whole = is_bounded and prod(shape) * BYTES[kind] == end - start
    except (KeyError, TypeError, ValueError, OverflowError):
        is_whole = False
    if not is_whole:
        raise ValueError(f"The tensor {name[:100]!r} is none of {', '.join(BYTES)}, or of another size than it says.")
    file.seek(begin + start)
    data = file.read(end - start)
    if kind == "BF16":
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(shape)
    return np.frombuffer(data, "<f4" if kind == "F32" else "<f2").astype(np.float32).reshape(shape)
