"""Space on the disk that is given up when it is full, so that deleting still works: a database must write to forget."""

import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from voicebox_kit.errors import Exhausted

log = logging.getLogger(__name__)

SHARE = 8
"""The reserve takes at most this part of what is free when it is made."""


@dataclass(frozen=True)
class Reserve:
    """A file of `size_bytes`, or less on a small disk. Blocking, some 10 ms."""

    path: Path
    size_bytes: int

    def fill(self) -> None:
        """Allocate the space unless it is allocated or the disk is short."""
        try:
            size_bytes = min(self.size_bytes, shutil.disk_usage(self.path.parent).free // SHARE)
            if size_bytes and not self.path.exists():
                with self.path.open("wb") as file:
                    os.posix_fallocate(file.fileno(), 0, size_bytes)
        except OSError as error:
            log.warning("No space is reserved for deleting on a full disk: %s", error.strerror)
            self.path.unlink(missing_ok=True)

    def release(self) -> bool:
        """Frees the space; whether there was any."""
        try:
            self.path.unlink()
        except OSError:
            return False
        log.warning("The disk is full: the space that was reserved for deleting is given up.")
        return True


def no_space_to_delete() -> Exhausted:
    """The error of a delete that finds no space, not even that of the reserve."""
    sentence = (
        "The database's disk is full, and deleting needs some space, too: free some of it from outside the service."
    )
    return Exhausted("STORAGE_FULL", sentence)
