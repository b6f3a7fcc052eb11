"""Which device and arithmetic torch runs a model with."""

import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from voicebox_kit.errors import StartError

DRIVERS = ("/dev/nvidiactl", "/dev/nvmap", "/dev/dxg", "/dev/kfd")
"""One of these is there where a GPU's driver is. Where none is, torch need not be imported to know, which takes 2 s and
200 MB.
"""

COMPUTE_TYPES = ("float32", "bfloat16", "float16")
"""By torch's names. The codec computes in float32 in any case: it is the smaller part of the work, and makes the
audio.
"""


@dataclass(frozen=True)
class Gpu:
    """One that torch can use. `has_bfloat16`: by itself, as from Ampere on."""

    memory_bytes: int
    has_bfloat16: bool


@dataclass(frozen=True)
class Device:
    """Where a model runs, and how it counts. `memory_bytes` is a GPU's whole memory."""

    kind: str
    index: int
    compute_type: str
    memory_bytes: int = 0

    @property
    def name(self) -> str:
        """`cpu`, `cuda:0`; torch's name as well."""
        return "cpu" if self.kind == "cpu" else f"{self.kind}:{self.index}"


def resolve_device(engine: str, device: str, compute_type: str) -> Device:
    """What `device` and `compute_type` mean for an engine on this machine; StartError when it has not got them."""
    named = re.fullmatch(r"auto|cpu|cuda(?::(\d+))?", device)
    if named is None:
        raise StartError(f"{engine} runs on cpu, cuda or cuda:N; there is no device {device!r} for it.")
    if compute_type not in ("auto", *COMPUTE_TYPES):
        raise StartError(f"{engine} has no compute type {compute_type!r}; it has {', '.join(COMPUTE_TYPES)}.")
    found = [] if device == "cpu" else gpus()
    index = int(named[1] or 0)
    if device == "cpu" or (device == "auto" and not found):
        return Device("cpu", 0, "float32" if compute_type == "auto" else compute_type)
    if index >= len(found):
        raise StartError(f"There is no device {device!r}: torch finds {len(found)} GPUs.")
    gpu = found[index]
    best = "bfloat16" if gpu.has_bfloat16 else "float32"
    return Device("cuda", index, best if compute_type == "auto" else compute_type, gpu.memory_bytes)


def gpus() -> list[Gpu]:
    """The GPUs of this machine, in torch's order."""
    if not any(Path(driver).exists() for driver in DRIVERS):
        return []
    cuda = import_module("torch").cuda
    made = [cuda.get_device_properties(index) for index in range(cuda.device_count())]
    return [Gpu(each.total_memory, each.major >= 8) for each in made]
