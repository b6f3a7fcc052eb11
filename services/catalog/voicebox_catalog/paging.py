"""Keyset pages: a page token is the last key that was seen, bound to the query that it belongs to."""

import base64
import binascii
import hashlib

from voicebox_kit.errors import InvalidField

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000
DIGEST_BYTES = 8


def page_size(asked: int) -> int:
    """How many rows a page has: 0 is the default, more than the maximum is the maximum. InvalidField when negative."""
    if asked < 0:
        raise InvalidField("page_size", "page_size must not be negative.")
    return min(asked or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)


def to_token(key: int, *query: str) -> str:
    """The token for the page after `key` of the query that these strings make up."""
    place = key.to_bytes(8, "big")
    return base64.urlsafe_b64encode(place + _digest(place, query)).decode().rstrip("=")


def from_token(token: str, *query: str) -> int | None:
    """The key after which the page begins, None for the first page. InvalidField for a token of another query."""
    if not token:
        return None
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (binascii.Error, UnicodeEncodeError):
        raw = b""
    place, digest = raw[:8], raw[8:]
    if len(raw) != 8 + DIGEST_BYTES or digest != _digest(place, query) or place[0] > 0x7F:
        raise InvalidField("page_token", "page_token is not from a page of this same query.")
    return int.from_bytes(place, "big")


def _digest(place: bytes, query: tuple[str, ...]) -> bytes:
    parts = [place, *(part.encode() for part in query)]
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()[:DIGEST_BYTES]
