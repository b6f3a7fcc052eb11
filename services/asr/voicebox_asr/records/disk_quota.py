"""Counts what all calls together hold on disk."""

from voicebox_kit.errors import Exhausted

SPACE_BYTES = 768 * 1024 * 1024
"""Three of the largest files; the volume for it has 1 GiB in deploy/k8s."""


class Space:
    """The bytes that all uploads together may hold. Used in the event loop alone."""

    def __init__(self, total_bytes: int = SPACE_BYTES) -> None:
        self._free_bytes = total_bytes

    def take(self, count: int) -> None:
        """Exhausted("UPLOADS_FULL") when they are all taken."""
        if count > self._free_bytes:
            raise Exhausted("UPLOADS_FULL", "Other uploads take all the space that there is.", 1.0)
        self._free_bytes -= count

    def give_back(self, count: int) -> None:
        """What was taken is free again."""
        self._free_bytes += count
