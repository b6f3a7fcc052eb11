"""Identifies weights by their sizes and a sample of their bytes: files of gigabytes, in milliseconds."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

BLOCKS = 64
BLOCK_BYTES = 4096


def fingerprint(files: Iterable[Path]) -> str:
    """A SHA-256 over the size of each file and BLOCKS pieces spread evenly over it. Files that were trained or
    converted differently differ in nearly every byte, and so in these.
    """
    digest = hashlib.sha256()
    for path in files:
        size = path.stat().st_size
        digest.update(size.to_bytes(8, "little"))
        with path.open("rb") as file:
            for number in range(BLOCKS):
                file.seek(max(0, size - BLOCK_BYTES) * number // (BLOCKS - 1))
                digest.update(file.read(BLOCK_BYTES))
    return digest.hexdigest()


def folder_sha256(folder: Path) -> str:
    """A SHA-256 over the names and contents of all files of a folder: what a data set is identified by."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{path.relative_to(folder)}\0{content}\n".encode())
    return digest.hexdigest()
