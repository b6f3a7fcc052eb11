"""`.voicebox-adapter` files: a zip file of a manifest and a safetensors file, and nothing else."""

import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from voicebox_blobs.archives.zip_reader import ZipReader, refused
from voicebox_blobs.archives.zip_writer import Entry, zipped
from voicebox_blobs.blocks import of_file

from . import tensors
from .adapter import TENSORS, problem
from .manifest import FILE, MAX_BYTES, Manifest, read_manifest

MAX_ARCHIVE_BYTES = 2 << 30
"""LoRA of rank 64 on every matrix of a model of two billion weights has 0.6 GB in float32."""
CONTENT_TYPE = "application/zip"
ARCHIVED = datetime(1980, 1, 1, tzinfo=UTC)
"""The time of the files in an archive: the same adapter gives the same bytes."""


def unpack(file: IO[bytes], folder: Path) -> Manifest:
    """Write the two files of an archive into `folder`, on the disk when it returns. Blocking.

    InvalidField("archive") for whatever is not an adapter: other files, tensors of other formats, another hash.
    """
    archive = ZipReader(file, MAX_ARCHIVE_BYTES)
    if archive.names != {FILE, TENSORS}:
        raise refused(f"The archive must hold {FILE} and {TENSORS}, and nothing else.")
    manifest = read_manifest(b"".join(archive.blocks(FILE, MAX_BYTES)))
    digest = hashlib.sha256()
    with (folder / TENSORS).open("wb") as target:
        for block in archive.blocks(TENSORS, MAX_ARCHIVE_BYTES):
            digest.update(block)
            target.write(block)
        target.flush()
        os.fsync(target.fileno())
    if digest.hexdigest() != manifest.sha256:
        raise refused(f"{TENSORS} is not what the manifest says: its SHA-256 is another.", "ARCHIVE_CHECKSUM")
    try:
        sentence = problem(tensors.read(folder / TENSORS), manifest.rank)
    except ValueError as error:
        raise refused(f"{TENSORS} cannot be used: it is not a safetensors file of numbers.") from error
    if sentence:
        raise refused(f"{TENSORS} cannot be used: {sentence}")
    write_manifest(folder, manifest)
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it beside the tensors, on the disk when it returns."""
    with (folder / FILE).open("wb") as target:
        target.write(manifest.to_json())
        target.flush()
        os.fsync(target.fileno())


async def packed(folder: Path) -> AsyncIterator[bytes]:
    """The archive of an adapter in a folder: always the same bytes."""
    async for piece in zipped(_entries(folder)):
        yield piece


async def _entries(folder: Path) -> AsyncIterator[Entry]:
    for name in (FILE, TENSORS):
        yield Entry(name, of_file(folder / name), ARCHIVED)
