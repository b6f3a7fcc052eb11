"""Records on disk that are not delivered yet: written whole or not at all, read back oldest first.

A record is two files, `{name}.data` and `{name}.json`; the JSON's appearance is the commit. Everything is fsynced
before `commit` returns. Knows files, not gRPC.
"""

import errno
import os
import shutil
import uuid
from contextlib import suppress
from pathlib import Path

from voicebox_kit.durable import sync_path
from voicebox_kit.errors import Exhausted, StartError

DATA, METADATA = ".data", ".json"
REJECTED = "rejected"
REJECTED_SHARE = 0.25
"""The rejected records may take this share of the spool's size; beyond it the oldest are removed."""
FULL_BYTES = 64 * 1024
"""A disk with less free space counts as full: libsndfile does not say why a write failed."""


class Spool:
    """A folder of one process, at most `max_bytes` big. Files that a crash left uncommitted are removed when it is
    opened.

    Sizes are counted in memory: the folder is listed once, at start. Blocking, except `reserve`, `discard`, `waiting`
    and `len`.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder, self._max_bytes = folder, max_bytes
        (folder / REJECTED).mkdir(parents=True, exist_ok=True)
        committed = {path.stem for path in folder.glob(f"*{METADATA}")}
        for path in [*folder.glob(f"*{DATA}"), *folder.glob("*.tmp")]:
            if path.stem not in committed:
                path.unlink()
        self._waiting = _sizes(folder)
        self._rejected = _sizes(folder / REJECTED)
        self._bytes = sum(self._waiting.values())

    def __len__(self) -> int:
        """How many records wait."""
        return len(self._waiting)

    def reserve(self) -> Path:
        """A path for a new record's file, which is the caller's until it is committed. Exhausted("SPOOL_FULL")."""
        if self._bytes >= self._max_bytes:
            raise Exhausted("SPOOL_FULL", "The history's spool is full: the catalog has been away too long.")
        return self._folder / f"{uuid.uuid4()}{DATA}"

    def discard(self, data: Path) -> None:
        """Remove a reserved file that becomes no record. One that cannot be removed is left to the next start."""
        with suppress(OSError):
            data.unlink()

    def commit(self, data: Path, metadata: str) -> None:
        """Make a reserved file a record: durable when this returns. OSError when the disk cannot take it."""
        temporary, final = data.with_suffix(".tmp"), data.with_suffix(METADATA)
        try:
            sync_path(data)
            temporary.write_text(metadata, "utf-8")
            sync_path(temporary)
            size = data.stat().st_size
            temporary.rename(final)
            sync_path(self._folder)
        except OSError as error:
            for path in (temporary, final):
                with suppress(OSError):
                    path.unlink()
            raise disk_error(self._folder, error) from error
        self._waiting[data.stem] = size
        self._bytes += size

    def waiting(self) -> list[Path]:
        """The files of the records that wait, oldest first."""
        return [self._folder / f"{name}{DATA}" for name in list(self._waiting)]

    def metadata(self, data: Path) -> bytes:
        """What was committed with the file. OSError when it cannot be read."""
        return data.with_suffix(METADATA).read_bytes()

    def remove(self, data: Path) -> None:
        """Forget a delivered record. OSError when its metadata cannot be removed: it waits on.

        A file without metadata is no record: one that cannot be removed is left to the next start.
        """
        data.with_suffix(METADATA).unlink(missing_ok=True)
        self._forget(data)
        self.discard(data)

    def reject(self, data: Path) -> int:
        """Set a record aside that will never be accepted, for a person to look at. OSError when its files cannot be
        moved.

        Returns how many older rejected records were removed to make room.
        """
        for path in (data, data.with_suffix(METADATA)):
            with suppress(FileNotFoundError):
                path.replace(self._folder / REJECTED / path.name)
        self._rejected[data.stem] = self._forget(data)
        return self._bound_rejected()

    def _forget(self, data: Path) -> int:
        size = self._waiting.pop(data.stem, 0)
        self._bytes -= size
        return size

    def _bound_rejected(self) -> int:
        removed = 0
        while len(self._rejected) > 1 and sum(self._rejected.values()) > REJECTED_SHARE * self._max_bytes:
            name = next(iter(self._rejected))
            for suffix in (DATA, METADATA):
                (self._folder / REJECTED / f"{name}{suffix}").unlink(missing_ok=True)
            del self._rejected[name]
            removed += 1
        return removed


def open_spool(folder: Path, max_bytes: int) -> Spool:
    """The spool in a folder; StartError when the folder cannot be used."""
    try:
        return Spool(folder, max_bytes)
    except OSError as error:
        raise StartError(f"The spool folder {folder} cannot be used: {error.strerror}.") from error


def disk_error(folder: Path, error: Exception) -> OSError:
    """The error as an OSError with a sentence that names the folder: that it is full, gone or not writable, whatever
    the library reported.
    """
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or _is_full(folder):
        return OSError(errno.ENOSPC, f"The disk is full: nothing more fits into {folder}.")
    if not folder.is_dir():
        return OSError(errno.ENOENT, f"The folder {folder} is gone.")
    if not os.access(folder, os.W_OK | os.X_OK):
        return OSError(errno.EACCES, f"The folder {folder} is not writable.")
    number = (isinstance(error, OSError) and error.errno) or errno.EIO
    return OSError(number, f"{folder} cannot be written: {cause(error)}")


def cause(error: Exception) -> str:
    """The error's sentence, without its number."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _sizes(folder: Path) -> dict[str, int]:
    """The bytes of each record's file by its name, oldest first."""
    dated = sorted(((path.stat().st_mtime_ns, path) for path in folder.glob(f"*{METADATA}")), key=lambda each: each[0])
    return {path.stem: file_size(path.with_suffix(DATA)) for _, path in dated}


def file_size(path: Path) -> int:
    """A file's bytes; 0 when it cannot be read."""
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _is_full(folder: Path) -> bool:
    with suppress(OSError):
        return shutil.disk_usage(folder).free < FULL_BYTES
    return False
