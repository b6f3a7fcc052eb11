"""Stored audio as HTTP bodies."""

from collections.abc import AsyncIterator

from google.api.httpbody_pb2 import HttpBody
from voicebox_kit.errors import NotFound

from .blobs import Blobs

CONTENT_TYPES = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "mp3": "audio/mpeg",
    "mp4": "audio/mp4",
    "webm": "audio/webm",
}


async def bodies(blobs: Blobs, blob: str, container: str, resource: str) -> AsyncIterator[HttpBody]:
    """The blob's bytes; the first message sets the content type. NotFound of kind `audio` when the blob was deleted just now."""
    content_type = CONTENT_TYPES.get(container, "application/octet-stream")
    try:
        async for block in blobs.read(blob):
            yield HttpBody(content_type=content_type, data=block)
            content_type = ""
    except FileNotFoundError as error:
        raise NotFound("audio", resource) from error
