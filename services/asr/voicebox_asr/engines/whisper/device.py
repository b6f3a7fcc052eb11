"""Which device and arithmetic CTranslate2 runs a model with."""

import re
from dataclasses import dataclass

import ctranslate2
from voicebox_kit.errors import StartError
from voicebox_models.devices import usable_cores


@dataclass(frozen=True)
class Device:
    """Where a model runs, and how it counts."""

    kind: str
    index: int
    compute_type: str
    threads: int
    """Cores that a model takes on the CPU."""

    @property
    def name(self) -> str:
        """`cpu`, `cuda:0`."""
        return "cpu" if self.kind == "cpu" else f"{self.kind}:{self.index}"

    @property
    def batch_size(self) -> int:
        """How many windows are decoded at once."""
        return 8 if self.kind == "cpu" else 16


MAX_THREADS = 8
"""Whisper's decoder writes a token at a time: it gains nothing from more cores, and other engines lose them."""


def resolved(device: str, compute_type: str, threads: int = 0) -> Device:
    """What `device` and `compute_type` mean on this machine; StartError without them. 0 threads: by the cores.

    OMP_NUM_THREADS does not count: it is for engines whose steps are too short to share, and makes Whisper 1.4 times
    slower on two cores.
    """
    threads = threads or min(usable_cores(), MAX_THREADS)
    kind, index = _device(device)
    supported = ctranslate2.get_supported_compute_types(kind, index)
    if compute_type == "auto":
        wanted = "int8" if kind == "cpu" else "float16"
        return Device(kind, index, wanted if wanted in supported else "float32", threads)
    if compute_type not in supported:
        others = ", ".join(sorted(supported))
        raise StartError(f"{device} cannot run whisper with compute type {compute_type!r}; it can with {others}.")
    return Device(kind, index, compute_type, threads)


def _device(device: str) -> tuple[str, int]:
    count = ctranslate2.get_cuda_device_count()
    if device == "auto":
        return ("cuda", 0) if count else ("cpu", 0)
    if device == "cpu":
        return "cpu", 0
    named = re.fullmatch(r"cuda(?::(\d+))?", device)
    if named is None:
        raise StartError(f"whisper runs on cpu, cuda or cuda:N; there is no device {device!r} for it.")
    index = int(named[1] or 0)
    if index >= count:
        raise StartError(f"There is no device {device!r}: CTranslate2 finds {count} CUDA devices.")
    return "cuda", index
