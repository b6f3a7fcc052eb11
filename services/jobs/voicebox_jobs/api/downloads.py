"""Stored files as HTTP bodies, whole or the requested part."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from google.api.httpbody_pb2 import HttpBody
from voicebox_blobs.blobs import Blobs
from voicebox_blobs.ranges import ByteRange, part_headers, part_of
from voicebox_kit.errors import Damaged, NotFound


@dataclass(frozen=True)
class Download:
    """A file, or a part of it, and what goes before it."""

    headers: tuple[tuple[str, str], ...]
    bodies: AsyncIterator[HttpBody]


@dataclass(frozen=True)
class StoredFile:
    """What is downloaded: its kind and its name for errors, its blob, its size and its content type."""

    kind: str
    name: str
    blob: str
    size_bytes: int
    content_type: str


async def open_download(blobs: Blobs, file: StoredFile, requested_range: str) -> Download:
    """The file, or the part that an HTTP `range` header requests. NotFound when it was deleted just now, Damaged when
    it has not the size that was written.
    """
    try:
        size = await blobs.size_bytes(file.blob)
    except FileNotFoundError as error:
        raise NotFound(file.kind, file.name) from error
    if size != file.size_bytes:
        sentence = f"The stored file has {size} bytes, not the {file.size_bytes} that were written."
        raise Damaged(file.kind, file.name, sentence)
    part = part_of(requested_range, size)
    return Download(part_headers(part, size), _bodies(blobs, file, part or ByteRange(0, 0)))


async def _bodies(blobs: Blobs, file: StoredFile, part: ByteRange) -> AsyncIterator[HttpBody]:
    """The first message has the content type."""
    content_type = file.content_type
    if part.start == part.end:
        yield HttpBody(content_type=content_type)
        return
    try:
        async for block in blobs.read(file.blob, part.start, part.end):
            yield HttpBody(content_type=content_type, data=block)
            content_type = ""
    except FileNotFoundError as error:
        raise NotFound(file.kind, file.name) from error
