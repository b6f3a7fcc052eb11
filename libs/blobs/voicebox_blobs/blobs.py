"""Stores files: written once, whole or not at all, and durable before their names are returned."""

import errno
import hashlib
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from voicebox_kit.errors import Exhausted, InvalidField

READ_BYTES = 512 * 1024
"""What is read at a time: less costs more switches between threads, more costs memory for each download that runs."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True)
class Blob:
    """A stored file. `sha256` is in hex."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class StoredBlob:
    """A file as the store lists it."""

    name: str
    size_bytes: int
    written: datetime


class Blobs(Protocol):
    """Files under names that are made here: no caller's text ever becomes a path.

    All but `delete` raise Unavailable when the store does not answer.
    """

    async def put(self, kind: str, blocks: AsyncIterator[bytes], max_bytes: int) -> Blob:
        """Store the blocks as one file, whose name begins with `kind` and contains its SHA-256; memory stays flat.

        Raises InvalidField("audio", reason AUDIO_TOO_LARGE) past `max_bytes`, Exhausted("STORAGE_FULL") when the disk
        is full, and whatever `blocks` raises; then nothing is stored.
        """
        ...

    async def put_as(self, name: str, blocks: AsyncIterator[bytes]) -> Blob:
        """Keep the blocks under a name that a program made, and not a person. What has it is replaced."""
        ...

    def read(self, name: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The file's bytes from `start` to before `end`, in blocks of at most READ_BYTES.

        FileNotFoundError, before the first of them, when there is no such file. A file that is deleted meanwhile is
        read to its end.
        """
        ...

    async def size_bytes(self, name: str) -> int:
        """FileNotFoundError when there is no such file."""
        ...

    async def delete(self, *names: str) -> None:
        """Delete files. One that cannot be deleted is left as garbage, with a line in the log: its row is gone
        already.
        """
        ...

    def stored(self) -> AsyncIterator[list[StoredBlob]]:
        """All files, some at a time."""
        ...

    async def check(self) -> None:
        """Raises Unavailable("STORAGE_BROKEN") when the folder or bucket of the files is gone for good, and not only
        unreachable.
        """
        ...


class Meter:
    """Counts and hashes blocks that pass through. InvalidField("audio") when there are too many bytes."""

    def __init__(self, max_bytes: int | None = None) -> None:
        self._max_bytes = max_bytes
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    async def read(self, blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for block in blocks:
            self.size_bytes += len(block)
            if self._max_bytes is not None and self.size_bytes > self._max_bytes:
                raise InvalidField(
                    "audio", f"audio must have at most {self._max_bytes} bytes.", reason="AUDIO_TOO_LARGE"
                )
            self._hash.update(block)
            yield block

    def blob(self, name: str) -> Blob:
        """What passed, under this name."""
        return Blob(name, self.size_bytes, self.sha256)


def fresh_name(kind: str, sha256: str) -> str:
    """`{kind}/{2 digits}/{SHA-256}-{16 digits}`: the content, by which it can be verified, and a number that nobody
    else draws.

    Equal contents are stored twice: deleting one never deletes another's file, and need not check whether somebody is
    about to store it.
    """
    return f"{kind}/{sha256[:2]}/{sha256}-{secrets.token_hex(8)}"


def sha256_of(name: str) -> str | None:
    """The SHA-256 in a name; None for names of the first version, which were only numbers."""
    digest, dash, _ = name.rpartition("/")[2].partition("-")
    return digest if dash else None


async def pieces(blocks: AsyncIterator[bytes], size_bytes: int) -> AsyncIterator[list[bytes]]:
    """Blocks in lists of at least `size_bytes`, but for the last; none is copied."""
    held: list[bytes] = []
    size = 0
    async for block in blocks:
        held.append(block)
        size += len(block)
        if size >= size_bytes:
            yield held
            held, size = [], 0
    if held:
        yield held


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turns the errors of a full disk into Exhausted("STORAGE_FULL")."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise Exhausted("STORAGE_FULL", "The disk is full: delete something first.") from error
        raise
