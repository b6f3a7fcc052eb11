"""The confined process in which a checkpoint is read: `python -m ...importing.child INDEX_FD MAX_BYTES`.

The checkpoint is its standard input, a file; the index, another one, or none with -1. It answers on its standard output
with a line of JSON, and then the voice as safetensors. Unpickling makes nothing but tensors and plain values
(`weights_only`); should that ever fail, there is no file to open, no process to start and no network here.
"""

import io
import json
import os
import sys
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from voicebox_audio.decoding.confinement import address_space_bytes, confine_permanently, confine_to
from voicebox_audio.decoding.limits import Limits

from voicebox_conversion.engines.rvc.index import MAX_VECTORS
from voicebox_conversion.engines.rvc.voice import INDEX, metadata

from .checkpoint import converted
from .faiss_index import vectors

CPU_SECONDS = 120
MEMORY_BYTES = 1 << 30


def main(index: int, max_bytes: int) -> None:
    """Answers once."""
    torch.set_num_threads(1)
    _warm_up()
    confine_permanently()
    limits = Limits(max_bytes=3 * max_bytes, memory_bytes=MEMORY_BYTES, cpu_seconds=CPU_SECONDS)
    confine_to(limits, address_space_bytes())
    try:
        answer, voice = _read(index, max_bytes)
    except MemoryError:
        answer, voice = {"refused": "it needs more memory than it may have"}, b""
    except Exception as error:  # whatever a hostile file brings about
        answer, voice = {"refused": _sentence(error)}, b""
    _write(json.dumps(answer).encode() + b"\n" + voice)


def _read(index: int, max_bytes: int) -> tuple[dict[str, Any], bytes]:
    with open(0, "rb", closefd=False) as file:
        checkpoint = torch.load(file, map_location="cpu", weights_only=True, mmap=False)
    config, tensors = converted(checkpoint, max_bytes)
    answer: dict[str, Any] = {"rate_hz": config.rate_hz, "metrics": {}}
    if index >= 0:
        given = _vectors(index, config.features)
        kept = given[np.linspace(0, len(given) - 1, min(len(given), MAX_VECTORS)).astype(int)]
        answer["metrics"] = {"index_vectors": len(kept), "index_vectors_given": len(given)}
        tensors[INDEX] = torch.from_numpy(kept.astype(np.float16))
    return answer, save(tensors, metadata(config, 0.0))


def _vectors(index: int, size: int) -> Any:
    with open(index, "rb", closefd=False) as file:
        found = vectors(file.read(), size)
    if not len(found):
        raise ValueError("the index is empty")
    return found


def _sentence(error: Exception) -> str:
    if isinstance(error, ValueError):
        return str(error)[:300]
    return "it cannot be read as weights alone"


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
    main(int(sys.argv[1]), int(sys.argv[2]))
