"""Reads a stranger's zip file: its table of contents is checked before anything is unpacked, and what is unpacked is counted.

No name in it ever becomes a path: files are looked up by the names that the archive's own manifest tells.
"""

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from voicebox_kit.errors import InvalidField

FIELD = "archive"
MAX_ENTRIES = 10_000
MAX_CONTENTS_BYTES = 4 * 1024 * 1024
"""Of the table of contents, which is read as a whole."""
MAX_RATIO = 200
RATIO_FREE_BYTES = 1024 * 1024
"""So much may come of anything: a small text packs well."""
READ_BYTES = 256 * 1024

_END = struct.Struct("<4s4H2LH")
_LOCATOR_64 = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_ENCRYPTED = 1


class Archive:
    """An open zip file whose table of contents is sound. Blocking: for a thread."""

    def __init__(self, file: IO[bytes], max_bytes: int) -> None:
        """Takes a seekable file. InvalidField("archive") says what is wrong; unpacked it has at most `max_bytes`."""
        size = file.seek(0, os.SEEK_END)
        _check_end(file, size)
        with zip_errors():
            self._zip = zipfile.ZipFile(file)
        entries = self._zip.infolist()
        if len({entry.filename for entry in entries}) != len(entries):
            raise refused("The archive has two files of the same name.")
        if sum(entry.compress_size for entry in entries) > size or not all(0 <= entry.header_offset < size for entry in entries):
            raise refused("The archive's table of contents does not fit the archive.")
        if sum(entry.file_size for entry in entries) > max_bytes:
            raise refused(f"Unpacked the archive has more than {max_bytes} bytes.", "ARCHIVE_TOO_LARGE")
        for entry in entries:
            _check_entry(entry)
        self._entries = {entry.filename: entry for entry in entries}

    @property
    def names(self) -> frozenset[str]:
        """What is in it."""
        return frozenset(self._entries)

    def blocks(self, name: str, max_bytes: int) -> Iterator[bytes]:
        """A file's bytes, at most READ_BYTES at a time. InvalidField for one that is not there, is larger, or is damaged."""
        entry = self._entries.get(name)
        if entry is None:
            raise refused(f"The archive lacks the file {name!r}.")
        if entry.file_size > max_bytes:
            raise refused(f"{name!r} has more than {max_bytes} bytes.", "ARCHIVE_TOO_LARGE")
        with zip_errors(), self._zip.open(entry) as file:
            while block := file.read(READ_BYTES):  # at most file_size bytes come, whatever was packed
                yield block


def refused(sentence: str, reason: str = "ARCHIVE_REFUSED") -> InvalidField:
    """The error of an archive that is not taken."""
    return InvalidField(FIELD, sentence, reason)


@contextmanager
def zip_errors() -> Iterator[None]:
    """Turns what a broken zip file raises into an error for the caller."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, struct.error, ValueError) as error:
        raise refused("The archive is damaged, or no zip file that is read here.") from error


def _check_end(file: IO[bytes], size: int) -> None:
    """The end of the file must be that of a zip file, without a comment, and tell of a table of contents of a bearable size."""
    entries, contents_bytes = _end(file, size)
    if entries > MAX_ENTRIES or contents_bytes > MAX_CONTENTS_BYTES:
        raise refused(f"The archive has more than {MAX_ENTRIES} files.", "ARCHIVE_TOO_LARGE")


def _end(file: IO[bytes], size: int) -> tuple[int, int]:
    """How many entries there are, and the size of the table of contents."""
    if size < _END.size:
        raise refused("The archive is no zip file, or its end is missing.")
    file.seek(size - _END.size)
    signature, _, _, _, entries, contents_bytes, _, _ = _END.unpack(file.read(_END.size))
    if signature != b"PK\5\6":
        raise refused("The archive is no zip file, or its end is missing.")
    locator_at = size - _END.size - _LOCATOR_64.size
    end_at = locator_at - _END_64.size
    if end_at < 0:
        return entries, contents_bytes
    file.seek(locator_at)
    if _LOCATOR_64.unpack(file.read(_LOCATOR_64.size))[0] != b"PK\6\7":
        return entries, contents_bytes
    file.seek(end_at)
    end_64 = _END_64.unpack(file.read(_END_64.size))
    if end_64[0] != b"PK\6\6":
        raise refused("The archive's end is damaged.")
    return end_64[7], end_64[8]


def _check_entry(entry: zipfile.ZipInfo) -> None:
    if entry.flag_bits & _ENCRYPTED:
        raise refused(f"{entry.filename!r} is encrypted.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise refused(f"{entry.filename!r} is packed in a way that is not read here.")
    if entry.file_size > max(MAX_RATIO * entry.compress_size, RATIO_FREE_BYTES):
        raise refused(f"{entry.filename!r} is packed more tightly than sound can be.", "ARCHIVE_TOO_LARGE")
