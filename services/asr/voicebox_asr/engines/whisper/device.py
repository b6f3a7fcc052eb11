"""Which device and arithmetic CTranslate2 runs a model with."""

import ctypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

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


CUBLAS = "libcublas.so.12"
"""CTranslate2 opens it by this name at its first use of a GPU, and does not bring it."""

VNNI = frozenset({"avx512_vnni", "avx_vnni"})
"""Flags of x86 CPUs in /proc/cpuinfo; those of ARM are called `Features`."""

MAX_THREADS = 8
"""Whisper's decoder writes a token at a time: it gains nothing from more cores, and other engines lose them."""


def resolved(device: str, compute_type: str, threads: int = 0) -> Device:
    """What `device` and `compute_type` mean on this machine; StartError without them. 0 threads: by the cores.

    `auto` is float16 on a GPU, and on a CPU int8 where that is exact, else float32.

    OMP_NUM_THREADS does not count: it is for engines whose steps are too short to share, and makes Whisper 1.4 times
    slower on two cores.
    """
    threads = threads or min(usable_cores(), MAX_THREADS)
    kind, index = _device(device)
    supported = ctranslate2.get_supported_compute_types(kind, index)
    if compute_type == "auto":
        wanted = "float16" if kind == "cuda" else "int8" if has_exact_int8() else "float32"
        return Device(kind, index, wanted if wanted in supported else "float32", threads)
    if compute_type not in supported:
        others = ", ".join(sorted(supported))
        raise StartError(f"{device} cannot run whisper with compute type {compute_type!r}; it can with {others}.")
    return Device(kind, index, compute_type, threads)


def has_exact_int8(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this CPU adds products of bytes in 32 bits.

    x86 without VNNI adds pairs of them in 16 bits, where large sums are cut off: Whisper loses words by that, and gains
    no time.
    """
    try:
        text = cpuinfo.read_text()
    except OSError:
        return True
    flags = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return flags is None or not VNNI.isdisjoint(flags[1].split())


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
    load_cublas(cublas_folders())
    return "cuda", index


def load_cublas(folders: Sequence[Path]) -> None:
    """Load NVIDIA's cuBLAS 12 from the system, or from the package nvidia-cublas-cu12 in `folders`.

    The loader does not look into these; a library that is loaded is found by its name from then on. StartError without
    either.
    """
    for library in (Path(CUBLAS), *(folder / "lib" / CUBLAS for folder in folders)):
        try:
            ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
        return
    raise StartError(f"Whisper needs {CUBLAS} on a GPU: `pip install 'voicebox-asr[cuda]'` brings it.")


def cublas_folders() -> Sequence[Path]:
    """Where nvidia-cublas-cu12 is installed; none where it is not."""
    spec = find_spec("nvidia")  # a namespace package
    return [Path(folder) / "cublas" for folder in (spec.submodule_search_locations or ())] if spec else []
