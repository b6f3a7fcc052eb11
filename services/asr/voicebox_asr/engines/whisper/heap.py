"""The C library's heap, which keeps what was freed for later."""

import ctypes


def give_back_free() -> None:
    """Give free memory back to the system, where the C library can (glibc): after a minute of sound 200 MB, which takes
    20 ms.

    A lower M_MMAP_THRESHOLD would keep less from the start, and costs a third more processor time: encoders ask for
    large blocks again and again.
    """
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
