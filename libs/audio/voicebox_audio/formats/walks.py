"""Follows the units of a container as its bytes are read, and finds whether all of them are there."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from .input import Readable

_TS_BYTES, _TS_SYNC, _NO_PID = 188, 0x47, 0x1FFF
_RIFF_STREAMED = 0xFFFF_FFF0
"""Sizes from here on are those of writers that do not know them."""

_CAF_START_BYTES = 52
"""The file's header and its first chunk, `desc`."""


class Walk(Protocol):
    """What follows bytes."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is known to be missing of the bytes so far."""

    def push(self, piece: bytes, /) -> None:
        """The next bytes."""


class Watched:
    """Bytes that a walk follows as they are read."""

    def __init__(self, link: Readable, walk: Walk) -> None:
        self._link, self._walk = link, walk

    def read(self, count: int) -> bytes:
        """As the link's."""
        piece = self._link.read(count)
        self._walk.push(piece)
        return piece


class UnitWalk:
    """Goes from unit to unit, by the length that `length_of` finds in a header of `header_bytes`. Where it finds none,
    as before tags at the end, it goes no further. A file that is `padded` may end in less than a header.
    """

    def __init__(self, header_bytes: int, length_of: Callable[[bytes], int | None], *, padded: bool = False) -> None:
        self._header_bytes, self._length_of, self._padded = header_bytes, length_of, padded
        self._left = 0
        self._head = b""
        self._lost = False

    @property
    def is_whole(self) -> bool:
        """Whether the bytes so far do not end within a unit."""
        return self._lost or (self._left == 0 and (self._padded or not self._head))

    def push(self, piece: bytes) -> None:
        """The next bytes."""
        at = 0
        while at < len(piece) and not self._lost:
            step = min(self._left, len(piece) - at)
            self._left -= step
            at += step
            if self._left == 0 and at < len(piece):
                taken = piece[at : at + self._header_bytes - len(self._head)]
                self._head += taken
                at += len(taken)
                self._enter()

    def _enter(self) -> None:
        """A unit begins, when all of its header is here."""
        if len(self._head) < self._header_bytes:
            return
        length = self._length_of(self._head)
        self._lost = length is None or length < self._header_bytes
        self._left = 0 if length is None else length - self._header_bytes
        self._head = b""


def avi() -> UnitWalk:
    """The RIFF chunks of an AVI file."""
    return UnitWalk(8, _riff_bytes, padded=True)


def caf() -> UnitWalk:
    """The chunks of a CAF file: Apple Core Audio Format Specification 1.0."""
    return UnitWalk(12, _caf_bytes, padded=True)


class TransportWalk:
    """The packets of an MPEG transport stream, of 188 bytes, whose counters (ISO/IEC 13818-1, 2.4.3.3) show what is
    missing.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._counters: dict[int, int] = {}
        self._is_judged, self._has_hole = True, False

    @property
    def is_whole(self) -> bool:
        """Whether no packet is missing, and none is in part."""
        return not self._is_judged or (not self._has_hole and not self._rest)

    def push(self, piece: bytes) -> None:
        """The next bytes."""
        if not self._is_judged:
            return
        data = self._rest + piece
        count = len(data) // _TS_BYTES
        self._rest = data[count * _TS_BYTES :]
        packets = np.frombuffer(data, np.uint8, count * _TS_BYTES).reshape(count, _TS_BYTES)
        self._is_judged = bool((packets[:, 0] == _TS_SYNC).all())
        if self._is_judged:
            self._count(packets[:, 1:6].astype(np.int32))

    def _count(self, headers: np.ndarray) -> None:
        """`headers` are the bytes behind the first one, shape (packets, 5)."""
        pids = (headers[:, 0] & 0x1F) << 8 | headers[:, 1]
        counters = headers[:, 2] & 0x0F
        is_marked = ((headers[:, 2] & 0x20) != 0) & (headers[:, 3] > 0) & ((headers[:, 4] & 0x80) != 0)
        holds_payload = (headers[:, 2] & 0x10) != 0
        for pid in sorted(set(pids[holds_payload].tolist())):
            mine = holds_payload & (pids == pid)
            before = self._counters.get(pid, int(counters[mine][0]) - 1)
            steps = np.diff(counters[mine], prepend=before) & 0x0F
            self._has_hole |= pid != _NO_PID and bool(((steps > 1) & ~is_marked[mine]).any())
            self._counters[pid] = int(counters[mine][-1])


def _riff_bytes(header: bytes) -> int | None:
    size = int.from_bytes(header[4:8], "little")
    return 8 + size + size % 2 if header.startswith(b"RIFF") and 0 < size < _RIFF_STREAMED else None


def _caf_bytes(header: bytes) -> int | None:
    if header.startswith(b"caff"):
        return _CAF_START_BYTES
    size = int.from_bytes(header[4:12], "big", signed=True)
    return 12 + size if header[:4].isalnum() and size >= 0 else None
