"""Reads the headers of safetensors files, and not their tensors.

A file begins with eight bytes of length and a JSON header, which has the position of each tensor:
https://github.com/huggingface/safetensors.
"""

import json
from pathlib import Path
from typing import Any

LONGEST_HEADER_BYTES = 100_000_000
"""As safetensors itself has it."""

PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin")
"""What weights also come in. Reading one runs what its author likes: they are never read."""


def header(path: Path) -> dict[str, Any]:
    """`dtype`, `shape` and `data_offsets` of each tensor by its name. ValueError, in a sentence, when the file is
    missing or cut off.
    """
    if not path.is_file():
        raise ValueError(f"{path.parent} has no {path.name}.")
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        text = file.read(length) if length <= min(size, LONGEST_HEADER_BYTES) else b""
    try:
        tensors = dict(json.loads(text))
        tensors.pop("__metadata__", None)
        expected = 8 + length + max((tensor["data_offsets"][1] for tensor in tensors.values()), default=0)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        raise ValueError(f"{path} is not a safetensors file.") from None
    if size != expected:
        raise ValueError(f"{path} has {size} of its {expected} bytes: fetch it again.")
    return tensors


def damage(path: Path) -> str | None:
    """What is wrong with a file, as a sentence; None when it is whole."""
    try:
        header(path)
    except ValueError as error:
        return str(error)
    return None
