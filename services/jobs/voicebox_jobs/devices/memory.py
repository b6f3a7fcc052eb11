"""How much memory a device has, as its driver says."""

import ctypes
import logging
import re
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

LIBRARY = "libcuda.so.1"
_CUDA = re.compile(r"cuda:(\d+)")


def device_bytes(device: str, load: Callable[[str], Any] = ctypes.CDLL) -> int:
    """All the memory of `cuda:0` and others; 0 where it is not known."""
    found = _CUDA.fullmatch(device)
    if found is None:
        return 0
    try:
        driver = load(LIBRARY)
        handle, size = ctypes.c_int(), ctypes.c_size_t()
        _check(driver.cuInit(0))
        _check(driver.cuDeviceGet(ctypes.byref(handle), int(found[1])))
        _check(driver.cuDeviceTotalMem_v2(ctypes.byref(size), handle))
    except (OSError, AttributeError) as error:
        log.warning("the memory of %s is not known: %s", device, error)
        return 0
    return size.value


def _check(result: int) -> None:
    if result:
        raise OSError(f"the driver answers {result}")
