"""Reads the headers of safetensors files, and not their tensors.

A file begins with eight bytes of length and a JSON header, which has the position of each tensor:
https://github.com/huggingface/safetensors.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LONGEST_HEADER_BYTES = 100_000_000
"""As safetensors itself has it."""

PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin")
"""What weights also come in. Reading one runs what its author likes: they are never read."""


def header(path: Path) -> dict[str, Any]:
    """`dtype`, `shape` and `data_offsets` of each tensor by its name. ValueError, in a sentence, when the file is
    missing or cut off, and when its tensors do not lie one behind the other, as the format wants: two of the same bytes
    would take memory that the file does not have.
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
        expected = 8 + length + _end(tensors)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        raise ValueError(f"{path} is not a safetensors file.") from None
    if size != expected:
        raise ValueError(f"{path} has {size} of its {expected} bytes: fetch it again.")
    return tensors


def _end(tensors: Mapping[str, Any]) -> int:
    """Where the last tensor ends. ValueError for holes, overlaps, and what is no number."""
    end = 0
    for begin, until in sorted(tuple(tensor["data_offsets"]) for tensor in tensors.values()):
        if type(begin) is not int or type(until) is not int or not begin == end <= until:
            raise ValueError(begin)
        end = until
    return end


def damage(path: Path) -> str | None:
    """What is wrong with a file, as a sentence; None when it is whole."""
    try:
        header(path)
    except ValueError as error:
        return str(error)
    return None
