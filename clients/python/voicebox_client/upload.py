"""Audio that is sent: from a path, from memory or from an open file, in pieces."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from .retry import NEVER, RetryPolicy

PIECE_BYTES = 64 * 1024


class BinaryFile(Protocol):
    """An open binary file."""

    def read(self, size: int, /) -> bytes | None: ...


Source = str | Path | bytes | BinaryFile


def check(source: Source) -> None:
    """Raises OSError here when a path cannot be read: within gRPC's own thread it would be lost."""
    if isinstance(source, str | Path):
        Path(source).open("rb").close()


def policy_for(source: Source, policy: RetryPolicy) -> RetryPolicy:
    """An open file can be read only once, so its upload is never tried again."""
    return policy if isinstance(source, str | Path | bytes) else NEVER


def size_bytes(source: Source) -> int | None:
    """How much there is to send; None where that is not known before."""
    if isinstance(source, str | Path):
        path = Path(source)
        return path.stat().st_size if path.is_file() else None
    return len(source) if isinstance(source, bytes) else None


def pieces(source: Source, sent: Callable[[int], None] | None = None) -> Iterator[bytes]:
    """The bytes from the start, PIECE_BYTES at a time; `sent` is called with how many were taken so far."""
    count = 0
    for piece in _pieces(source):
        yield piece
        count += len(piece)
        if sent:
            sent(count)


def _pieces(source: Source) -> Iterator[bytes]:
    if isinstance(source, str | Path):
        with Path(source).open("rb") as file:
            yield from _read(file)
    else:
        yield from _read(io.BytesIO(source) if isinstance(source, bytes) else source)


def _read(file: BinaryFile) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece
