"""Reads the vectors of an index as FAISS writes it, of one kind alone: IVF-Flat, in lists of an array.

Numbers are little-endian. The file is `IwFl`, a header, the numbers of lists and probes, an index of the lists'
centres, a map of identities, and the lists: `ilar`, their number and the bytes of a vector, their lengths, and for each
list its vectors and their identities.
"""

import struct

import numpy as np
from numpy.typing import NDArray

_INVERTED, _FLAT, _LISTS = b"IwFl", (b"IxF2", b"IxFI"), b"ilar"
_FULL, _SPARSE = b"full", b"sprs"
_MAX_LISTS = 1_000_000
_HASHTABLE = 2


class Reader:
    """Takes numbers and bytes from a file in memory, one after the other; ValueError where it ends too early."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = memoryview(data), 0

    def take(self, count: int) -> memoryview:
        if count < 0 or count > len(self._data) - self._at:
            raise ValueError("the index is cut off")
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self, form: str) -> int:
        (value,) = struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}")))
        return int(value)

    def numbers(self, count: int) -> NDArray[np.uint64]:
        return np.frombuffer(self.take(8 * count), "<u8")


def vectors(data: bytes, size: int) -> NDArray[np.float32]:
    """Those of an index, shape (n, size). ValueError for what is no such index."""
    reader = Reader(data)
    if bytes(reader.take(4)) != _INVERTED:
        raise ValueError("the index is not one of FAISS's IVF-Flat")
    count = _header(reader, size)
    lists = reader.number("Q")
    reader.take(8)  # how many lists are looked at in a search
    if not 0 < lists <= _MAX_LISTS:
        raise ValueError("the index has a number of lists that cannot be")
    _skip_centres(reader, size)
    _skip_identities(reader)
    return _in_lists(reader, lists, size, count)


def _header(reader: Reader, size: int) -> int:
    """How many vectors there are."""
    if reader.number("i") != size:
        raise ValueError(f"the index's vectors have not {size} numbers")
    count = reader.number("q")
    reader.take(17)  # two numbers without a meaning, and whether it is trained
    if reader.number("i") > 1:
        raise ValueError("the index measures in a way that is not read here")
    return count


def _skip_centres(reader: Reader, size: int) -> None:
    if bytes(reader.take(4)) not in _FLAT:
        raise ValueError("the index's centres are not in a flat index")
    _header(reader, size)
    reader.take(4 * _bounded(reader.number("Q")))


def _skip_identities(reader: Reader) -> None:
    kind = reader.number("B")
    reader.take(8 * _bounded(reader.number("Q")))
    if kind == _HASHTABLE:
        reader.take(16 * _bounded(reader.number("Q")))


def _in_lists(reader: Reader, lists: int, size: int, count: int) -> NDArray[np.float32]:
    if bytes(reader.take(4)) != _LISTS or reader.number("Q") != lists or reader.number("Q") != 4 * size:
        raise ValueError("the index's lists are not arrays of whole vectors")
    found = []
    for length in _lengths(reader, lists):
        found.append(np.frombuffer(reader.take(4 * size * length), "<f4").reshape(length, size))
        reader.take(8 * length)
    whole = np.concatenate(found) if found else np.zeros((0, size), np.float32)
    if len(whole) != count or not np.isfinite(whole).all():
        raise ValueError("the index has not the vectors that it says")
    return whole


def _lengths(reader: Reader, lists: int) -> list[int]:
    """Of the lists that are not empty, in their order."""
    kind, count = bytes(reader.take(4)), _bounded(reader.number("Q"))
    given = reader.numbers(count)
    if kind == _FULL and count == lists:
        return [_bounded(int(length)) for length in given if length]
    if kind == _SPARSE and count % 2 == 0:
        return [_bounded(int(length)) for length in given[1::2] if length]
    raise ValueError("the index's lists have no lengths")


def _bounded(count: int) -> int:
    """A count that may be multiplied: no file has so many."""
    if count > 1 << 40:
        raise ValueError("the index has a count that cannot be")
    return count
