"""Limits what all calls together have on disk."""

from .errors import Exhausted


class DiskQuota:
    """The bytes that files which are being received may take together. For use in one event loop."""

    def __init__(self, total_bytes: int) -> None:
        self._free_bytes = total_bytes

    def reserve(self, size_bytes: int) -> None:
        """Reserve disk space. Exhausted("UPLOADS_FULL") when less than that is free."""
        if size_bytes > self._free_bytes:
            raise Exhausted("UPLOADS_FULL", "Other uploads take all the disk space that is there for them.", 1.0)
        self._free_bytes -= size_bytes

    def release(self, size_bytes: int) -> None:
        """Free space that was reserved."""
        self._free_bytes += size_bytes
