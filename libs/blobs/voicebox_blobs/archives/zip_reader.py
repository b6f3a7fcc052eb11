"""Reads an untrusted zip file: its table of contents is checked before anything is unpacked, and what is unpacked is
counted.

No name in it ever becomes a path: files are looked up by the names in the archive's own manifest. People unpack
an archive, look at it and pack it again: what file managers and common programs add or change then is allowed for.
"""

import asyncio
import os
import struct
import zipfile
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator
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
_MAX_COMMENT_BYTES = 65_535
_LEFT_BEHIND = (".ds_store", ".directory", "thumbs.db", "desktop.ini")
"""Files of Finder, Dolphin and Explorer."""


class ZipReader:
    """An open zip file whose table of contents is valid. Blocking, but for `stream`: for a thread."""

    def __init__(self, file: IO[bytes], max_bytes: int) -> None:
        """Takes a seekable file. InvalidField("archive") says what is wrong; unpacked it has at most `max_bytes`."""
        size = file.seek(0, os.SEEK_END)
        _check_end(file, size)
        with zip_errors():
            self._zip = zipfile.ZipFile(file)
        entries = self._zip.infolist()
        if sum(entry.compress_size for entry in entries) > size or not all(
            0 <= entry.header_offset < size for entry in entries
        ):
            raise refused("The archive's table of contents does not fit the archive.")
        if sum(entry.file_size for entry in entries) > max_bytes:
            raise refused(f"Unpacked the archive has more than {max_bytes} bytes.", "ARCHIVE_TOO_LARGE")
        for entry in entries:
            _check_entry(entry)
        self._entries = _by_name(entries)

    @property
    def names(self) -> frozenset[str]:
        """What is in it."""
        return frozenset(self._entries)

    def blocks(self, name: str, max_bytes: int) -> Iterator[bytes]:
        """A file's bytes, at most READ_BYTES at a time. InvalidField for one that is not there, is larger, or is
        damaged.
        """
        entry = self._entries.get(name)
        if entry is None:
            raise refused(f"The archive lacks the file {name!r}.")
        if entry.file_size > max_bytes:
            raise refused(f"{name!r} has more than {max_bytes} bytes.", "ARCHIVE_TOO_LARGE")
        with zip_errors(), self._zip.open(entry) as file:
            while block := file.read(READ_BYTES):  # at most file_size bytes come, whatever was packed
                yield block

    async def stream(self, name: str, max_bytes: int) -> AsyncIterator[bytes]:
        """As `blocks`, each read in a thread."""
        blocks = self.blocks(name, max_bytes)
        while (block := await asyncio.to_thread(next, blocks, b"")) != b"":
            yield block


def refused(sentence: str, reason: str = "ARCHIVE_REFUSED") -> InvalidField:
    """The error of a refused archive."""
    return InvalidField(FIELD, sentence, reason)


@contextmanager
def zip_errors() -> Iterator[None]:
    """Turns what a broken zip file raises into an error for the caller."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        struct.error,
        ValueError,
    ) as error:
        raise refused("The archive is damaged, or not a zip file that is read here.") from error


def _by_name(entries: Iterable[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The files by their names within the folder that was packed, without folders and what file managers leave
    behind.
    """
    named = [(_plain(entry.filename), entry) for entry in entries]
    files = [(name, entry) for name, entry in named if name and not name.endswith("/") and not _is_left_behind(name)]
    tops = {name.partition("/")[0] for name, _ in files}
    top = f"{tops.pop()}/" if len(tops) == 1 and all("/" in name for name, _ in files) else ""
    by_name = {name.removeprefix(top): entry for name, entry in files}
    if len(by_name) != len(files):
        raise refused("The archive has two files of the same name.")
    return by_name


def _plain(name: str) -> str:
    """A name with slashes, as Windows programs may not write them, and without the `./` of Unix programs."""
    name = name.replace("\\", "/")
    while name.startswith("./"):
        name = name[2:]
    return name


def _is_left_behind(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    return "__MACOSX" in folder.split("/") or file.startswith("._") or file.lower() in _LEFT_BEHIND


def _check_end(file: IO[bytes], size: int) -> None:
    """The end of the file must be that of a zip file, and announce a table of contents of a bearable size."""
    entries, contents_bytes = _end(file, size)
    if entries > MAX_ENTRIES or contents_bytes > MAX_CONTENTS_BYTES:
        raise refused(f"The archive has more than {MAX_ENTRIES} files.", "ARCHIVE_TOO_LARGE")


def _end(file: IO[bytes], size: int) -> tuple[int, int]:
    """How many entries there are, and the size of the table of contents."""
    end_at = _end_at(file, size)
    file.seek(end_at)
    _, _, _, _, entries, contents_bytes, _, _ = _END.unpack(file.read(_END.size))
    locator_at = end_at - _LOCATOR_64.size
    end_64_at = locator_at - _END_64.size
    if end_64_at < 0:
        return entries, contents_bytes
    file.seek(locator_at)
    if _LOCATOR_64.unpack(file.read(_LOCATOR_64.size))[0] != b"PK\6\7":
        return entries, contents_bytes
    file.seek(end_64_at)
    end_64 = _END_64.unpack(file.read(_END_64.size))
    if end_64[0] != b"PK\6\6":
        raise refused("The archive's end is damaged.")
    return end_64[7], end_64[8]


def _end_at(file: IO[bytes], size: int) -> int:
    """Where the record is that ends a zip file: behind it comes the comment that it announces, and nothing else."""
    start = max(size - _END.size - _MAX_COMMENT_BYTES, 0)
    file.seek(start)
    tail = file.read(size - start)
    at = tail.rfind(b"PK\5\6")
    while at >= 0:
        if len(tail) - at >= _END.size and at + _END.size + _END.unpack_from(tail, at)[-1] == len(tail):
            return start + at
        at = tail.rfind(b"PK\5\6", 0, at + 3)
    raise refused("The archive is not a zip file, or its end is missing.")


def _check_entry(entry: zipfile.ZipInfo) -> None:
    if entry.flag_bits & _ENCRYPTED:
        raise refused(f"{entry.filename!r} is encrypted.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise refused(f"{entry.filename!r} is packed in a way that is not read here.")
    if entry.file_size > max(MAX_RATIO * entry.compress_size, RATIO_FREE_BYTES):
        raise refused(f"{entry.filename!r} is packed more tightly than sound can be.", "ARCHIVE_TOO_LARGE")
