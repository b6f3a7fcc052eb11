"""Blobs in a local folder: fsynced, and given their names only then."""

import asyncio
import logging
import math
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, ParamSpec, TypeVar

from voicebox_kit.durable import rename_durably, sync_file, sync_path
from voicebox_kit.errors import StartError, Unavailable
from voicebox_kit.shielded import shielded

from .blobs import READ_BYTES, Blob, Meter, StoredBlob, fresh_name, pieces, storage_errors

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

STAGED = "staged"
WRITE_BYTES = 1024 * 1024
"""What is written at a time; a smaller file is written, synced and renamed in one go."""
THREADS = 16
"""Files that are synced at the same time share a commit of the file system's journal."""
LISTED = 500
LEFT_BEHIND_SECONDS = 3600.0
"""A file that was not written to for so long, in a folder that others write to as well, belongs to no process that
lives.
"""


@contextmanager
def open_local_blobs(folder: Path, *, alone: bool = True) -> Iterator["LocalBlobs"]:
    """Blobs in a local folder, which is made when absent; what a killed process left half written is swept.

    When we are not alone in it, only what is LEFT_BEHIND_SECONDS old: the rest another process may be writing.
    """
    before = math.inf if alone else time.time() - LEFT_BEHIND_SECONDS
    try:
        (folder / STAGED).mkdir(parents=True, exist_ok=True)
        for path in (folder / STAGED).iterdir():
            with suppress(FileNotFoundError):  # written to its end meanwhile, or swept by another
                if path.stat().st_mtime < before:
                    path.unlink()
    except OSError as error:
        raise StartError(f"The folder {folder} cannot be used: {error.strerror}.") from error
    with ThreadPoolExecutor(THREADS, thread_name_prefix="blobs") as executor:
        yield LocalBlobs(folder, executor)


class LocalBlobs:
    """Files in `folder`, those that are being written in its `staged`. See Blobs for what the methods promise."""

    def __init__(self, folder: Path, executor: ThreadPoolExecutor) -> None:
        self._folder = folder
        self._executor = executor
        self._safe_folders: set[Path] = set()

    async def put(self, kind: str, blocks: AsyncIterator[bytes], max_bytes: int) -> Blob:
        meter = Meter(max_bytes)
        return await self._keep(blocks, meter, lambda: fresh_name(kind, meter.sha256))

    async def put_as(self, name: str, blocks: AsyncIterator[bytes]) -> Blob:
        return await self._keep(blocks, Meter(), lambda: name)

    async def read(self, name: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        file = await self._in_thread(os.open, self._folder / name, os.O_RDONLY)
        try:
            count = READ_BYTES if end is None else min(READ_BYTES, end - start)
            while count > 0 and (block := await self._in_thread(os.pread, file, count, start)):
                yield block
                start += len(block)
                count = READ_BYTES if end is None else min(READ_BYTES, end - start)
        finally:
            os.close(file)

    async def size_bytes(self, name: str) -> int:
        return (await self._in_thread(os.stat, self._folder / name)).st_size

    async def delete(self, *names: str) -> None:
        await self._in_thread(self._unlink, names)

    async def stored(self) -> AsyncIterator[list[StoredBlob]]:
        files = self._files()
        while some := await self._in_thread(lambda: list(islice(files, LISTED))):
            yield some

    async def check(self) -> None:
        if not await self._in_thread((self._folder / STAGED).is_dir):
            raise Unavailable(
                "STORAGE_BROKEN",
                f"The folder {self._folder} was deleted or moved away. Stop the service, and restore it.",
                60.0,
            )

    async def _keep(self, blocks: AsyncIterator[bytes], meter: Meter, name: Callable[[], str]) -> Blob:
        staged = _Staged(self._folder / STAGED / secrets.token_hex(16))
        last: Sequence[bytes] = ()
        try:
            with storage_errors():
                async for part in pieces(meter.read(blocks), WRITE_BYTES):
                    if last:
                        await self._in_thread(staged.write, last)
                    last = part
                blob = meter.blob(name())
                await self._in_thread(self._finish, staged, last, self._folder / blob.name)
        except BaseException:
            staged.discard()
            raise
        return blob

    def _finish(self, staged: "_Staged", last: Sequence[bytes], path: Path) -> None:
        staged.write(last)
        staged.sync()
        if path.parent not in self._safe_folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            for folder in (path.parent, *path.parent.parents):
                sync_path(folder)
                if folder == self._folder:
                    break
            self._safe_folders.add(path.parent)
        rename_durably(staged.path, path)

    def _files(self) -> Iterator[StoredBlob]:
        for parent, folders, names in os.walk(self._folder):
            if Path(parent) == self._folder:
                folders.remove(STAGED)
            for name in names:
                path = Path(parent, name)
                with suppress(FileNotFoundError):  # deleted meanwhile
                    status = path.stat()
                    yield StoredBlob(
                        str(path.relative_to(self._folder)),
                        status.st_size,
                        datetime.fromtimestamp(status.st_mtime, UTC),
                    )

    def _unlink(self, names: Sequence[str]) -> None:
        for name in names:
            try:
                (self._folder / name).unlink(missing_ok=True)
            except OSError:
                log.exception("blob %s is left behind", name)

    async def _in_thread(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Run to its end even if the caller is cancelled: a file that another thread still uses must not be closed."""
        return await shielded(
            asyncio.get_running_loop().run_in_executor(self._executor, lambda: function(*arguments, **named))
        )


class _Staged:
    """A file that is being written, and whose name is not known to anyone yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    def write(self, blocks: Sequence[bytes]) -> None:
        if self._file is None:
            self._file = self.path.open("xb")
        self._file.writelines(blocks)

    def sync(self) -> None:
        """Bring what was written to the disk, and close it."""
        if self._file:
            self._file.flush()
            sync_file(self._file.fileno())
            self._file.close()

    def discard(self) -> None:
        if self._file:
            with suppress(OSError):  # what is buffered has no place on a full disk
                self._file.close()
            self.path.unlink(missing_ok=True)
