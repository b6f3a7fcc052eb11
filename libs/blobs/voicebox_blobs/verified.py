"""Blobs whose content is checked against their names whenever they are read."""

import hashlib
from collections.abc import AsyncIterator

from voicebox_kit.errors import Damaged

from .blobs import Blobs, StoredBlob, sha256_of

WHOLE_BYTES = 8 * 1024 * 1024
"""A file up to this size is read and checked as a whole before its first byte is given, whichever part is requested: 6
ms at most.
"""


class VerifiedBlobs:
    """The blobs of another store. See Blobs for what the methods promise.

    `read` raises Damaged("audio") for a file that is not what was stored: before its first byte where it is small,
    behind its last where it is large. Of a large file a part cannot be checked, and is given as it is; neither can
    files of the first version, whose names contain no SHA-256.
    """

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self.put = blobs.put
        self.put_as = blobs.put_as
        self.size_bytes = blobs.size_bytes
        self.delete = blobs.delete
        self.check = blobs.check

    def stored(self) -> AsyncIterator[list[StoredBlob]]:
        return self._blobs.stored()

    async def read(self, name: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        if sha256_of(name) is None:
            blocks = self._blobs.read(name, start, end)
        elif start == 0 and end is None:
            blocks = self._whole(name)
        else:
            blocks = self._part(name, start, end)
        async for block in blocks:
            yield block

    async def _whole(self, name: str) -> AsyncIterator[bytes]:
        held: list[bytes] = []
        held_bytes = 0
        async for block in self._checked(name):
            held.append(block)
            held_bytes += len(block)
            if held_bytes > WHOLE_BYTES:
                for each in held:
                    yield each
                held.clear()
        for each in held:
            yield each

    async def _part(self, name: str, start: int, end: int | None) -> AsyncIterator[bytes]:
        if await self._blobs.size_bytes(name) > WHOLE_BYTES:
            async for block in self._blobs.read(name, start, end):
                yield block
        elif part := b"".join([block async for block in self._checked(name)])[start:end]:
            yield part

    async def _checked(self, name: str) -> AsyncIterator[bytes]:
        digest = hashlib.sha256()
        async for block in self._blobs.read(name):
            digest.update(block)
            yield block
        if digest.hexdigest() != sha256_of(name):
            raise Damaged(
                "audio",
                name,
                "The stored file is damaged: its content does not match its hash. Restore it from a backup.",
            )
