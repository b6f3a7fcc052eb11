"""The confined process in which a checkpoint is read: `python -m ...importing.child KIND INDEX_FD MAX_BYTES`.

The checkpoint is its standard input, a file; the index, another one, or none with -1. See
voicebox_models.pickles.child.
"""

import io
import sys
from collections.abc import Mapping
from functools import partial
from typing import IO

import torch
from safetensors.torch import load, save
from voicebox_models.pickles.child import Answer, answer

from voicebox_conversion.engines.rvc.checkpoint import with_index, without_index

from .confined import BASE, VOCODER, VOICE
from .tensors import checked


def main(kind: str, index: int, max_bytes: int) -> None:
    """Answers once."""
    torch.set_num_threads(1)
    _warm_up()
    answer(partial(_read, kind, index, max_bytes), max_bytes)


def _read(kind: str, index: int, max_bytes: int, given: IO[bytes]) -> Answer:
    checkpoint = torch.load(given, map_location="cpu", weights_only=True, mmap=False)
    if kind == VOICE and index < 0:
        return without_index(checkpoint, max_bytes)
    if kind == VOICE:
        with open(index, "rb", closefd=False) as file:
            return with_index(checkpoint, file.read(), max_bytes)
    inner = {BASE: "model", VOCODER: "generator"}[kind]
    if not isinstance(checkpoint, Mapping) or inner not in checkpoint:
        raise ValueError(f"it holds nothing that is called {inner}")
    return {}, save(checked(checkpoint[inner], max_bytes))


def _warm_up() -> None:
    """What is imported on first use is imported now: later no file can be opened."""
    file = io.BytesIO()
    torch.save({"weight": {"x": torch.zeros(2, dtype=torch.float16)}, "config": [1, "1"]}, file)
    file.seek(0)
    torch.load(file, map_location="cpu", weights_only=True)
    load(save({"x": torch.zeros(2)}, {"x": "x"}))
    torch.zeros(4).expand(2, 4).contiguous().clone()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
