"""The C library's heap, which keeps what was freed for later."""

import ctypes


def give_back_free() -> None:
    """Give free memory back to the system, where the C library can (glibc)."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
