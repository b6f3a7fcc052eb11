"""The C library's heap, which holds freed memory for later."""

import ctypes


def trim_heap() -> None:
    """Return free memory to the system, where the C library can (glibc): 200 MB after a minute of audio, in 20 ms.

    A lower M_MMAP_THRESHOLD would keep less from the start, and costs a third more processor time: encoders ask for
    large blocks again and again.
    """
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
