"""Keeps audio files: written once, whole or not at all, and on disk before their names are told."""

import asyncio
import errno
import hashlib
import logging
import os
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import obstore
from obstore.store import LocalStore, ObjectStore
from voicebox_kit.errors import Exhausted, InvalidField

log = logging.getLogger(__name__)

PART_BYTES = 5 * 1024 * 1024
"""The least that S3 takes as a part; two are in memory at a time."""
READ_BYTES = 256 * 1024

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_OS_ERROR = re.compile(r"\(os error (\d+)\)")
_STAGED = re.compile(r".*#\d+")


@dataclass(frozen=True)
class Blob:
    """A file that was kept. `sha256` is in hex."""

    name: str
    size_bytes: int
    sha256: str


class Blobs:
    """Files in an object store, under names that are made here: no caller's text ever becomes a path.

    `folder` is where a local store keeps them: there the files are fsynced, which obstore does not do.
    """

    def __init__(self, store: ObjectStore, folder: Path | None) -> None:
        self._store = store
        self._folder = folder

    async def put(self, kind: str, blocks: AsyncIterator[bytes], most_bytes: int) -> Blob:
        """Keep the blocks as one file under a fresh name, which begins with `kind`; memory stays flat.

        Raises InvalidField("audio", reason AUDIO_TOO_LARGE) past `most_bytes`, Exhausted("STORAGE_FULL") when the disk is full,
        and whatever `blocks` raises; then nothing is kept.
        """
        identity = uuid.uuid4().hex
        name = f"{kind}/{identity[:2]}/{identity}"
        meter = _Meter(most_bytes)
        with storage_errors():
            # Not mode="create", which the fresh name does not need: obstore would then collect the whole file in memory.
            await obstore.put_async(self._store, name, meter.read(blocks), chunk_size=PART_BYTES, max_concurrency=2)
            if self._folder:
                await asyncio.to_thread(_sync, self._folder / name, self._folder)
        return Blob(name, meter.size_bytes, meter.sha256)

    async def read(self, name: str) -> AsyncIterator[bytes]:
        """The file's bytes in blocks of about 256 KiB. FileNotFoundError, before the first of them, when there is no such file."""
        file = await obstore.get_async(self._store, name)
        async for block in file.stream(min_chunk_size=READ_BYTES):
            yield bytes(block)

    async def delete(self, *names: str) -> None:
        """Delete files. One that cannot be deleted is left as garbage, with a line in the log: its row is gone already."""
        for name in names:
            try:
                await obstore.delete_async(self._store, name)
            except FileNotFoundError:
                pass
            except Exception:
                log.exception("blob %s is left behind", name)

    async def names_before(self, time: datetime) -> AsyncIterator[list[str]]:
        """The names of all files that were written before `time`, some at a time."""
        async for files in obstore.list(self._store, chunk_size=500):
            yield [file["path"] for file in files if file["last_modified"] < time]


class _Meter:
    """Counts and hashes blocks that pass through."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    async def read(self, blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for block in blocks:
            self.size_bytes += len(block)
            if self.size_bytes > self._most_bytes:
                raise InvalidField("audio", f"audio must have at most {self._most_bytes} bytes.", reason="AUDIO_TOO_LARGE")
            self._hash.update(block)
            yield block


def open_local_blobs(folder: Path) -> Blobs:
    """Blobs in a local folder, which is made when absent; what a killed process left half written is swept."""
    folder.mkdir(parents=True, exist_ok=True)
    for parent, _, names in os.walk(folder):
        for name in filter(_STAGED.fullmatch, names):
            Path(parent, name).unlink(missing_ok=True)
    return Blobs(LocalStore(folder), folder)


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turns the errors of a full disk into Exhausted("STORAGE_FULL")."""
    try:
        yield
    except (OSError, obstore.exceptions.BaseError) as error:
        if _errno(error) in _FULL:
            raise Exhausted("STORAGE_FULL", "The catalog's disk is full: delete something first.") from error
        raise


def _errno(error: Exception) -> int | None:
    if isinstance(error, OSError) and error.errno:
        return error.errno
    found = _OS_ERROR.search(str(error))  # obstore tells the number only in words
    return int(found[1]) if found else None


def _sync(path: Path, root: Path) -> None:
    """Make a file, and its place in each folder up to `root`, survive a power failure."""
    while True:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if path == root:
            return
        path = path.parent
