"""The leases of one device: files in a folder, each locked by its holder. The kernel drops the lock of a process that
was killed, and whoever looks next removes its file. The folder must be on a local disk of the machine of the device.
"""

import fcntl
import logging
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO
from urllib.parse import quote

from .lease import Lease

log = logging.getLogger(__name__)

SUFFIX, PARTIAL, ADMISSION = ".lease", ".partial", "admission"
LEFT_SECONDS = 60.0
"""A file that so long ago was begun, and is not locked, was left by a process that was killed."""


class HeldLease:
    """A lease of this process, and of those that inherit the file `fileno`, until all of them have closed it."""

    def __init__(self, path: Path, lease: Lease) -> None:
        self.path, self.lease = path, lease
        self._file = _published(path, lease)

    def fileno(self) -> int:
        """The open file that holds the lock."""
        return self._file.fileno()

    def change(self, lease: Lease) -> None:
        """Say something else. OSError, for one, where the disk is full: then what was said before holds."""
        if lease != self.lease:
            old, self._file = self._file, _published(self.path, lease)
            self.lease = lease
            old.close()

    def close(self) -> None:
        """Give it back."""
        self.path.unlink(missing_ok=True)
        self._file.close()

    def __enter__(self) -> "HeldLease":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True)
class DeviceLeases:
    """Those of `device`, below `root`."""

    root: Path
    device: str

    @property
    def _folder(self) -> Path:
        return self.root / quote(self.device, safe="")

    def hold(self, lease: Lease) -> HeldLease:
        """Write a lease; nobody is asked. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return HeldLease(self._folder / f"{uuid.uuid4().hex}{SUFFIX}", lease)

    def others(self, own: HeldLease | None = None) -> Sequence[Lease]:
        """The leases whose holders live, but for one's own."""
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return ()
        besides = own.path.name if own else ""
        found = [_read(self._folder / name) for name in names if name.endswith(SUFFIX) and name != besides]
        for name in names:
            if name.endswith(PARTIAL):
                _remove_if_left(self._folder / name)
        return [lease for lease in found if lease]

    @contextmanager
    def admitting(self) -> Iterator[bool]:
        """Whether nobody else decides at this moment which job gets the device; if so, nobody does until the block
        ends.
        """
        with (self._folder / ADMISSION).open("w") as file:
            yield _locked(file, fcntl.LOCK_EX)


def _published(path: Path, lease: Lease) -> IO[str]:
    """The file, in place of the one before, complete and locked when others first see it."""
    partial = path.with_suffix(PARTIAL)
    file = partial.open("w", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.write(lease.to_json())
        file.flush()
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        file.close()
        raise
    return file


def _read(path: Path) -> Lease | None:
    """The lease of a holder that lives; the file of another is removed."""
    while True:
        try:
            with path.open(encoding="utf-8") as file:
                if not _locked(file, fcntl.LOCK_SH):
                    return Lease.from_json(file.read())
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):  # else it was replaced just now
                    path.unlink(missing_ok=True)
                    return None
        except FileNotFoundError:
            return None
        except ValueError as error:
            log.warning("%s is ignored: %s", path, error)
            return None


def _locked(file: IO[str], kind: int) -> bool:
    """Whether it could be locked, since nobody else holds it."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_if_left(partial: Path) -> None:
    try:
        with partial.open(encoding="utf-8") as file:
            if time.time() - os.fstat(file.fileno()).st_mtime > LEFT_SECONDS and _locked(file, fcntl.LOCK_SH):
                partial.unlink(missing_ok=True)
    except FileNotFoundError:
        return
