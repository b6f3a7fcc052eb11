"""Whether a file was changed or replaced since it was read."""

from pathlib import Path


def identity(path: Path) -> tuple[int, int, int]:
    """Another value once the file was changed or replaced; zeros when there is none."""
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0)
    return status.st_ino, status.st_mtime_ns, status.st_size
