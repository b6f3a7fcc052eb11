"""Keyset pages: a page token is a cursor, the position of the last row that was returned, bound to its query."""

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass

from voicebox_kit.errors import InvalidField

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000

_TOKEN = struct.Struct(">BqQ8s")
_VERSION = 2
"""Of tokens: those of another version are refused, since their cursors would mean something else."""


@dataclass(frozen=True)
class Cursor:
    """A row's position in its list: by `rank`, 0 where the list has only the order of time, then by its creation
    key.
    """

    key: int
    rank: int = 0


def page_size(requested: int, default: int = DEFAULT_PAGE_SIZE) -> int:
    """How many rows a page has: 0 is the default, more than the maximum is the maximum. InvalidField when negative."""
    if requested < 0:
        raise InvalidField("page_size", "page_size must not be negative.")
    return min(requested or default, MAX_PAGE_SIZE)


def to_token(key: int, *query: str, rank: int = 0) -> str:
    """The token of the page after this row, for the query that these strings identify."""
    raw = _TOKEN.pack(_VERSION, rank, key, _digest(Cursor(key, rank), query))
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def from_token(token: str, *query: str) -> int | None:
    """As `cursor_from_token`, for lists that have only the order of time: the key."""
    cursor = cursor_from_token(token, *query)
    return cursor.key if cursor else None


def cursor_from_token(token: str, *query: str) -> Cursor | None:
    """The cursor after which the page begins, None for the first page. InvalidField for a token of another query or
    version.
    """
    if not token:
        return None
    try:
        raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), b"-_", validate=True)
        version, rank, key, digest = _TOKEN.unpack(raw)
    except (binascii.Error, UnicodeEncodeError, struct.error):
        raise _of_another_query() from None
    cursor = Cursor(key, rank)
    if version != _VERSION or digest != _digest(cursor, query) or key >= 1 << 63:
        raise _of_another_query()
    return cursor


def _digest(cursor: Cursor, query: tuple[str, ...]) -> bytes:
    parts = [f"{cursor.rank} {cursor.key}".encode(), *(part.encode() for part in query)]
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()[:8]


def _of_another_query() -> InvalidField:
    return InvalidField("page_token", "page_token is not from a page of this same query.")
