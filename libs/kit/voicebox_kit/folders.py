"""Folders that one process has to itself."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from .errors import StartError

LOCK = "lock"


def own_folder(folder: Path, label: str) -> IO[str]:
    """Create a folder and lock it until the result is closed: a process that starts in it removes leftovers.

    StartError when it cannot be used, or another `label`, as in `catalog`, runs in it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("w")
    except OSError as error:
        raise StartError(f"The folder {folder} of {label} cannot be used: {error.strerror}.") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise StartError(f"Another {label} runs in {folder}.") from error
    return file


@contextmanager
def scratch_folder(prefix: str, parent: Path) -> Iterator[Path]:
    """A new folder in `parent`, which goes with the block; those of processes that were killed, known by the prefix, go
    now.
    """
    for left in parent.glob(f"{prefix}*"):
        _remove_if_left(left)
    unlocked = Path(tempfile.mkdtemp(prefix=f".{prefix}", dir=parent))
    with (unlocked / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        folder = unlocked.rename(parent / unlocked.name.removeprefix("."))  # only now may another process find it
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_if_left(folder: Path) -> None:
    """Removes a folder whose lock went with the process that held it."""
    with suppress(OSError), (folder / LOCK).open("r") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
