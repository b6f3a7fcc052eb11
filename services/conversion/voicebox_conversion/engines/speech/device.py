"""Which device torch runs the neural engines on."""

import re
from importlib import import_module
from pathlib import Path

from voicebox_kit.errors import StartError

DRIVERS = ("/dev/nvidiactl", "/dev/nvmap", "/dev/dxg", "/dev/kfd")
"""One of these is there where a GPU's driver is; where none is, torch need not be imported to know."""
OPTION = "device"
"""The name under which the service passes on its setting to all of its engines."""


def resolve(engine: str, device: str) -> str:
    """`cpu` or `cuda:N`; StartError when this machine has not got it."""
    named = re.fullmatch(r"auto|cpu|cuda(?::(\d+))?", device)
    if named is None:
        raise StartError(f"{engine} runs on cpu, cuda or cuda:N; there is no device {device!r} for it.")
    found = 0 if device == "cpu" else gpu_count()
    index = int(named[1] or 0)
    if device == "cpu" or (device == "auto" and not found):
        return "cpu"
    if index >= found:
        raise StartError(f"There is no device {device!r}: torch finds {found} GPUs.")
    return f"cuda:{index}"


def gpu_count() -> int:
    """The GPUs of this machine that torch can use."""
    if not any(Path(driver).exists() for driver in DRIVERS):
        return 0
    return int(import_module("torch").cuda.device_count())
