"""Writes a zip file while it is sent: only its table of contents stays in memory, some 150 bytes for each file.

After APPNOTE.TXT of PKWARE, 6.3.10: every size is in ZIP64 form, and stands behind its file as it is not known before.
"""

import struct
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

PIECE_BYTES = 256 * 1024
"""Small files are sent together, about so much at a time."""

_LOCAL = struct.Struct("<4s5H3L2H")
_LOCAL_SIZES = struct.Struct("<2H2Q")
_DESCRIPTOR = struct.Struct("<4sL2Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_CENTRAL_SIZES = struct.Struct("<2H3Q")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_END = struct.Struct("<4s4H2LH")

_VERSION = 45  # ZIP64
_MADE_BY_UNIX = 3 << 8 | _VERSION
_FLAGS = 1 << 3 | 1 << 11  # sizes come behind; names are UTF-8
_STORED, _DEFLATED = 0, 8
_IN_ZIP64 = 0xFFFFFFFF
_IN_ZIP64_SHORT = 0xFFFF
_MODE = 0o100644 << 16


@dataclass(frozen=True)
class Entry:
    """A file of the archive. `compress` what is text; audio is mostly compressed already. `modified` is in UTC."""

    name: str
    blocks: AsyncIterator[bytes]
    modified: datetime
    compress: bool = False


async def zipped(entries: AsyncIterator[Entry]) -> AsyncIterator[bytes]:
    """The archive, in pieces of about PIECE_BYTES."""
    piece = bytearray()
    async for part in _parts(entries):
        piece += part
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)


async def _parts(entries: AsyncIterator[Entry]) -> AsyncIterator[bytes]:
    position, count, contents = 0, 0, bytearray()
    async for entry in entries:
        file = _File(entry)
        begin = position
        async for part in file.parts():
            position += len(part)
            yield part
        contents += file.listed(begin)
        count += 1
    yield bytes(contents)
    yield _ending(count, len(contents), position)


class _File:
    """One file of the archive: its bytes pass through, and are counted."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._name = entry.name.encode()
        self._method = _DEFLATED if entry.compress else _STORED
        self._crc = self._size = self._packed = 0

    async def parts(self) -> AsyncIterator[bytes]:
        day, time = self._modified
        head = (
            b"PK\3\4",
            _VERSION,
            _FLAGS,
            self._method,
            time,
            day,
            0,
            _IN_ZIP64,
            _IN_ZIP64,
            len(self._name),
            _LOCAL_SIZES.size,
        )
        yield _LOCAL.pack(*head) + self._name + _LOCAL_SIZES.pack(1, 16, 0, 0)
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS) if self._entry.compress else None
        async for block in self._entry.blocks:
            self._crc = zlib.crc32(block, self._crc)
            self._size += len(block)
            packed = packer.compress(block) if packer else block
            self._packed += len(packed)
            yield packed
        tail = packer.flush() if packer else b""
        self._packed += len(tail)
        yield tail + _DESCRIPTOR.pack(b"PK\7\x08", self._crc, self._packed, self._size)

    def listed(self, position: int) -> bytes:
        """Its line in the table of contents; it begins at `position`."""
        day, time = self._modified
        head = (b"PK\1\2", _MADE_BY_UNIX, _VERSION, _FLAGS, self._method, time, day, self._crc, _IN_ZIP64, _IN_ZIP64)
        lengths = (len(self._name), _CENTRAL_SIZES.size, 0, 0, 0)
        sizes = _CENTRAL_SIZES.pack(1, 24, self._size, self._packed, position)
        return _CENTRAL.pack(*head, *lengths, _MODE, _IN_ZIP64) + self._name + sizes

    @property
    def _modified(self) -> tuple[int, int]:
        """The date and the time of MS-DOS, which begin in 1980 and count every second second."""
        moment = max(self._entry.modified.replace(tzinfo=None), datetime(1980, 1, 1))
        return (
            moment.year - 1980
        ) << 9 | moment.month << 5 | moment.day, moment.hour << 11 | moment.minute << 5 | moment.second // 2


def _ending(count: int, contents_bytes: int, position: int) -> bytes:
    """What comes last: where the table of contents is."""
    end_64 = _END_64.pack(
        b"PK\6\6", _END_64.size - 12, _MADE_BY_UNIX, _VERSION, 0, 0, count, count, contents_bytes, position
    )
    locator = _LOCATOR_64.pack(b"PK\6\7", 0, position + contents_bytes, 1)
    end = _END.pack(b"PK\5\6", 0, 0, _IN_ZIP64_SHORT, _IN_ZIP64_SHORT, _IN_ZIP64, _IN_ZIP64, 0)
    return end_64 + locator + end
