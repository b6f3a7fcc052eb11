"""The confined process in which a checkpoint is read: `python -m ...importing.child KIND INDEX_FD MAX_BYTES`.

The checkpoint is its standard input, a file; the index, another one, or none with -1. It answers on its standard output
with a line of JSON, and then with safetensors. Unpickling makes nothing but tensors and plain values (`weights_only`);
should that ever fail, there is no file to open, no process to start and no network here.
"""

import io
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

import torch
from safetensors.torch import load, save
from voicebox_audio.decoding.confinement import address_space_bytes, confine_permanently, confine_to
from voicebox_audio.decoding.limits import Limits

from voicebox_conversion.engines.rvc.checkpoint import with_index, without_index

from .confined import BASE, VOCODER, VOICE
from .tensors import checked

CPU_SECONDS = 120
MEMORY_BYTES = 1 << 30

Answer = tuple[Mapping[str, Any], bytes]


def main(kind: str, index: int, max_bytes: int) -> None:
    """Answers once."""
    torch.set_num_threads(1)
    _warm_up()
    confine_permanently()
    limits = Limits(max_bytes=3 * max_bytes, memory_bytes=MEMORY_BYTES, cpu_seconds=CPU_SECONDS)
    confine_to(limits, address_space_bytes())
    answer: Mapping[str, Any]
    try:
        answer, content = _read(kind, index, max_bytes)
    except MemoryError:
        answer, content = {"refused": "it needs more memory than it may have"}, b""
    except ValueError as error:
        answer, content = {"refused": str(error)[:300]}, b""
    except Exception:  # whatever a hostile file brings about
        answer, content = {"refused": "it cannot be read as weights alone"}, b""
    _write(json.dumps(answer).encode() + b"\n" + content)


def _read(kind: str, index: int, max_bytes: int) -> Answer:
    with open(0, "rb", closefd=False) as file:
        checkpoint = torch.load(file, map_location="cpu", weights_only=True, mmap=False)
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


def _write(data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(1, rest[: 1 << 20]) :]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
