"""The confined process in which SNAC's weights are unpickled: `python -m ...conversion_child MAX_BYTES`."""

import io
import sys
from collections.abc import Mapping
from functools import partial
from typing import IO

import torch
from safetensors.torch import save
from voicebox_models.pickles.child import Answer, answer

MAX_TENSORS = 1000
MAX_NAME = 200
PARTS = ("encoder.", "quantizer.", "decoder.")


def _read(max_bytes: int, file: IO[bytes]) -> Answer:
    checkpoint = torch.load(file, map_location="cpu", weights_only=True, mmap=False)
    if not isinstance(checkpoint, Mapping) or not 0 < len(checkpoint) <= MAX_TENSORS:
        raise ValueError("it has no weights, or too many")
    size = 0
    for name, tensor in checkpoint.items():
        is_named = isinstance(name, str) and len(name) <= MAX_NAME and name.startswith(PARTS)
        if not is_named or type(tensor) is not torch.Tensor or tensor.dtype != torch.float32:
            raise ValueError("its weights are not those of SNAC")
        size += 4 * tensor.numel()
    if size > max_bytes:
        raise ValueError(f"its weights have more than {max_bytes} bytes")
    return {}, save({name: tensor.contiguous().clone() for name, tensor in checkpoint.items()})


def _warm_up() -> None:
    """What is imported on first use is imported now: later no file can be opened."""
    file = io.BytesIO()
    torch.save({"x": torch.zeros(2)}, file)
    file.seek(0)
    torch.load(file, map_location="cpu", weights_only=True)
    save({"x": torch.zeros(4).expand(2, 4).contiguous().clone()})


if __name__ == "__main__":
    torch.set_num_threads(1)
    _warm_up()
    answer(partial(_read, int(sys.argv[1])), int(sys.argv[1]))
