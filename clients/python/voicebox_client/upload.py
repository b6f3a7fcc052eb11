"""Audio that is sent: from a path, from memory or from an open file, in pieces."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from .retry import NEVER, RetryPolicy

PIECE_BYTES = 64 * 1024


class Readable(Protocol):
    """An open binary file."""

    def read(self, size: int, /) -> bytes | None: ...


Source = str | Path | bytes | Readable


def check(source: Source) -> None:
    """Raises OSError here when a path cannot be read: within gRPC's own thread it would be lost."""
    if isinstance(source, str | Path):
        Path(source).open("rb").close()


def policy_for(source: Source, policy: RetryPolicy) -> RetryPolicy:
    """An open file can be read only once, so its upload is never tried again."""
    return policy if isinstance(source, str | Path | bytes) else NEVER


def pieces(source: Source) -> Iterator[bytes]:
    """The bytes from the start, PIECE_BYTES at a time."""
    if isinstance(source, str | Path):
        with Path(source).open("rb") as file:
            yield from _read(file)
    else:
        yield from _read(io.BytesIO(source) if isinstance(source, bytes) else source)


def _read(file: Readable) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece
