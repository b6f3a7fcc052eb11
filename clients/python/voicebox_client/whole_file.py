"""Files that are written as they stream, and appear under their name only when they are whole."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from . import wav

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """Writes to `NAME.part`, renamed at the end with the sizes of a WAV header made true; removed when the body fails.

    A device or a pipe, such as /dev/null, is written as it is. Raises OSError.
    """
    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        with target.open("wb") as device:
            yield device
        return
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("w+b") as file:
            yield file
            wav.write_sizes(file)
        part.replace(target)
    except OSError as error:
        if error.filename == str(part) or (error.filename is None and error.errno in _FULL):
            raise OSError(error.errno, error.strerror, str(path)) from error  # as the caller named it
        raise
    finally:
        with suppress(OSError):  # as where the folder is none: that was reported already
            part.unlink()
