"""Bytes as blobs, archives and uploads take them: in blocks."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

BLOCK_BYTES = 256 * 1024
MESSAGE_BYTES = 64 * 1024
"""What a message of a gRPC stream carries of a file."""


async def once(data: bytes) -> AsyncIterator[bytes]:
    """All of it in one block."""
    yield data


async def for_messages(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes, at most MESSAGE_BYTES at a time."""
    async for block in blocks:
        for start in range(0, len(block), MESSAGE_BYTES):
            yield block[start : start + MESSAGE_BYTES]


async def of_file(path: Path) -> AsyncIterator[bytes]:
    """A file's bytes, read in a thread, BLOCK_BYTES at a time."""
    with path.open("rb") as file:
        while block := await asyncio.to_thread(file.read, BLOCK_BYTES):
            yield block
