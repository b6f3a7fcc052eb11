"""The part of a file that an HTTP `range` header requests (RFC 9110, section 14)."""

import re
from dataclasses import dataclass

MAX_CHARACTERS = 200
"""The one part that a `range` header requests; headers with several parts are not served."""

_RANGE = re.compile(r"bytes[ \t]*=[ \t]*(\d*)[ \t]*-[ \t]*(\d*)[ \t]*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class ByteRange:
    """The bytes from `start` to before `end`."""

    start: int
    end: int


def part_of(requested_range: str, size: int) -> ByteRange | None:
    """The range that a `range` header requests of a file of `size` bytes: all of it when it cannot be understood, None
    when nothing is left.
    """
    found = _RANGE.fullmatch(requested_range) if len(requested_range) <= MAX_CHARACTERS else None
    if not found or found[1] + found[2] == "" or (found[1] and found[2] and int(found[2]) < int(found[1])):
        return ByteRange(0, size)
    if not found[1]:
        last = int(found[2])
        return ByteRange(max(size - last, 0), size) if last and size else None
    start = int(found[1])
    end = min(int(found[2]) + 1, size) if found[2] else size
    return ByteRange(start, end) if start < size else None


def part_headers(part: ByteRange | None, size: int) -> tuple[tuple[str, str], ...]:
    """What goes before a part of a file of `size` bytes: of `content-range` the gateway makes an HTTP status, of
    `x-content-length` a content-length. Without a part nothing follows, and the status is 416.
    """
    length = part.end - part.start if part else 0
    # Of content-length, HTTP/2 would count gRPC's frames too.
    usual = (("accept-ranges", "bytes"), ("x-content-length", str(length)))
    if part is None:
        return (*usual, ("content-range", f"bytes */{size}"))
    if part != ByteRange(0, size):
        return (*usual, ("content-range", f"bytes {part.start}-{part.end - 1}/{size}"))
    return usual
