"""Stored files as HTTP bodies, whole or the requested part (RFC 9110, section 14)."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from google.api.httpbody_pb2 import HttpBody
from voicebox_blobs.blobs import Blobs
from voicebox_kit.errors import Damaged, NotFound

CONTENT_TYPES = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "mp3": "audio/mpeg",
    "aac": "audio/aac",
    "mp4": "audio/mp4",
    "webm": "audio/webm",
    "webp": "image/webp",
}

MAX_CHARACTERS = 200
"""The one part that a `range` header requests; headers with several parts are not served."""

_RANGE = re.compile(r"bytes[ \t]*=[ \t]*(\d*)[ \t]*-[ \t]*(\d*)[ \t]*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Download:
    """A file, or a part of it. `headers` go before it: of `content-range` the gateway makes an HTTP status,
    of `x-content-length` a content-length."""

    headers: tuple[tuple[str, str], ...]
    bodies: AsyncIterator[HttpBody]


@dataclass(frozen=True)
class ByteRange:
    """The bytes from `start` to before `end`."""

    start: int
    end: int


async def open_download(
    blobs: Blobs, blob: str, container: str, resource: str, requested_range: str = "", kept_bytes: int | None = None
) -> Download:
    """The file, or the part that an HTTP `range` header requests; NotFound of kind `audio` when it was deleted just
    now.

    Damaged when it has not the size of `kept_bytes`.

    More than one part, or another unit than bytes, is answered with the whole file; a part that lies behind the end
    with `content-range: bytes */{size}` and no bytes, of which the gateway makes a 416.
    """
    try:
        size = await blobs.size_bytes(blob)
    except FileNotFoundError as error:
        raise NotFound("audio", resource) from error
    if kept_bytes not in (None, size):
        raise Damaged(
            "audio",
            resource,
            f"The stored file has {size} bytes, not the {kept_bytes} that were written. Restore it from a backup.",
        )
    part = part_of(requested_range, size)
    if part is None:
        headers, part = [("content-range", f"bytes */{size}")], ByteRange(0, 0)
    elif part != ByteRange(0, size):
        headers = [("content-range", f"bytes {part.start}-{part.end - 1}/{size}")]
    else:
        headers = []
    length = ("x-content-length", str(part.end - part.start))  # of content-length, HTTP/2 would count gRPC's frames too
    is_whole = part == ByteRange(0, size) and size
    return Download(
        (("accept-ranges", "bytes"), length, *headers),
        bodies(blobs, blob, container, resource, None if is_whole else part),
    )


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


async def bodies(
    blobs: Blobs, blob: str, container: str, resource: str, part: ByteRange | None = None
) -> AsyncIterator[HttpBody]:
    """The blob's bytes; the first message sets the content type. NotFound of kind `audio` when the blob was deleted
    just now.
    """
    content_type = CONTENT_TYPES.get(container, "application/octet-stream")
    if part and part.start == part.end:
        yield HttpBody(content_type=content_type)
        return
    try:
        async for block in blobs.read(blob, part.start if part else 0, part.end if part else None):
            yield HttpBody(content_type=content_type, data=block)
            content_type = ""
    except FileNotFoundError as error:
        raise NotFound("audio", resource) from error
