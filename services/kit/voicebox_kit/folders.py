"""Folders that one process has to itself."""

import fcntl
from pathlib import Path
from typing import IO

from .errors import StartError


def own_folder(folder: Path, label: str) -> IO[str]:
    """Make a folder, and lock it until the answer is closed: what starts in it sweeps up what it takes for leftovers.

    StartError when it cannot be used, or another `label`, as in `catalog`, runs in it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("w")
    except OSError as error:
        raise StartError(f"The folder {folder} of {label} cannot be used: {error.strerror}.") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise StartError(f"Another {label} runs in {folder}.") from error
    return file
