"""The id of the request that the running task serves, for logs, errors and calls to other services."""

import uuid
from collections.abc import Iterable
from contextvars import ContextVar

HEADER = "x-request-id"
MAX_CHARACTERS = 128

current: ContextVar[str] = ContextVar("voicebox_request_id", default="")


def from_metadata(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """The caller's id where it sent a printable one of at most MAX_CHARACTERS, else a fresh UUID4."""
    for key, value in metadata:
        if key == HEADER and isinstance(value, str) and 0 < len(value) <= MAX_CHARACTERS and value.isprintable():
            return value
    return str(uuid.uuid4())
