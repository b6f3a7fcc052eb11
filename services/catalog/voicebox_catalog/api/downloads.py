"""Stored files as HTTP bodies, whole or the requested part (RFC 9110, section 14)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from google.api.httpbody_pb2 import HttpBody
from voicebox_blobs.blobs import Blobs
from voicebox_blobs.ranges import ByteRange, part_headers, part_of
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


@dataclass(frozen=True)
class Download:
    """A file, or a part of it. `headers` go before it: of `content-range` the gateway makes an HTTP status,
    of `x-content-length` a content-length."""

    headers: tuple[tuple[str, str], ...]
    bodies: AsyncIterator[HttpBody]


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
    requested = part_of(requested_range, size)
    part = requested or ByteRange(0, 0)
    is_whole = part == ByteRange(0, size) and size
    return Download(
        part_headers(requested, size),
        bodies(blobs, blob, container, resource, None if is_whole else part),
    )


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
