"""A checkpoint as one file, which a later training goes on from: a zip file of what lies in its folder."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import IO

from voicebox_blobs.archives.zip_reader import ZipReader, refused
from voicebox_blobs.archives.zip_writer import Entry, zipped
from voicebox_blobs.blocks import of_file

from .adapter import TENSORS
from .archive import ARCHIVED, MAX_ARCHIVE_BYTES
from .checkpoints import NUMBERS, STATE, Checkpoints
from .manifest import FILE

NEEDED = (FILE, NUMBERS, STATE, TENSORS)
MAX_BYTES = 4 * MAX_ARCHIVE_BYTES
"""The state has the adapter's numbers three times."""


async def packed(folder: Path) -> AsyncIterator[bytes]:
    """The archive of a checkpoint in a folder: always the same bytes."""
    async for piece in zipped(_entries(folder)):
        yield piece


def unpack(file: IO[bytes], checkpoints: Checkpoints, step: int) -> None:
    """Make it the checkpoint of this step, all of it or nothing. Blocking; InvalidField("archive") for another file."""
    archive = ZipReader(file, MAX_BYTES)
    if not archive.names.issuperset(NEEDED) or any("/" in name for name in archive.names):
        raise refused("The archive is no checkpoint of a training.")
    partial = checkpoints.begin(step)
    for name in sorted(archive.names):
        with (partial / name).open("wb") as target:
            for block in archive.blocks(name, MAX_BYTES):
                target.write(block)
    checkpoints.settle(partial, step)


async def _entries(folder: Path) -> AsyncIterator[Entry]:
    for path in await asyncio.to_thread(_files, folder):
        yield Entry(path.name, of_file(path), ARCHIVED)


def _files(folder: Path) -> Sequence[Path]:
    return sorted(folder.iterdir())
