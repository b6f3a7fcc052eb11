"""The header of a streamed WAV file, which claims the greatest length until the true one is written into it."""

import os
import struct
from typing import BinaryIO

# The header is 44 bytes as our servers write it; other writers put a few hundred bytes of metadata before the samples.
HEADER_BYTES = 4096


def data_start(head: bytes) -> int | None:
    """Where the samples begin, in bytes; None when `head` is not a WAV file's beginning or ends before the samples."""
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    at = 12
    while at + 8 <= len(head):
        kind, size = struct.unpack_from("<4sI", head, at)
        at += 8
        if kind == b"data":
            return at
        at += size + size % 2
    return None


def write_sizes(file: BinaryIO) -> None:
    """Writes the true sizes into the header of a whole file. Anything but a WAV file stays as it is."""
    total = file.seek(0, os.SEEK_END)
    file.seek(0)
    start = data_start(file.read(HEADER_BYTES))
    if start is not None and total < 2**32:
        _write_uint32(file, 4, total - 8)
        _write_uint32(file, start - 4, total - start)


def _write_uint32(file: BinaryIO, at: int, number: int) -> None:
    file.seek(at)
    file.write(struct.pack("<I", number))
