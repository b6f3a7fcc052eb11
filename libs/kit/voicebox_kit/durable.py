"""Files that survive a power failure: written aside, fsynced, and only then renamed into place."""

import os
from collections.abc import Callable
from pathlib import Path


def write_aside(path: Path, staged: Path, write: Callable[[Path], object]) -> None:
    """Has `write` make the file `staged` beside `path`, and gives it that name once it is on the disk; on an error
    nothing is left.
    """
    try:
        write(staged)
        with staged.open("rb") as file:
            sync_file(file.fileno())
        rename_durably(staged, path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise


def rename_durably(staged: Path, path: Path) -> None:
    """Renames a file that is on the disk, and brings the name there, too."""
    staged.rename(path)
    sync_path(path.parent)


def sync_file(descriptor: int) -> None:
    """Brings a file's bytes to the disk."""
    os.fdatasync(descriptor)


def sync_path(path: Path) -> None:
    """Brings a file's bytes, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
