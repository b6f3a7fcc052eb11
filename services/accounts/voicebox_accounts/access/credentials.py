"""Finds what a client authenticates with, where clients that nobody changed send it."""

from collections.abc import Iterator, Mapping

from voicebox_kit.errors import Unauthenticated

QUERY_HEADER = "x-voicebox-query-key"
"""In which the gateway hands on `?key=`, which it takes out of the path."""

SUBPROTOCOL_HEADER = "sec-websocket-protocol"
SUBPROTOCOL_PREFIX = "openai-insecure-api-key."
PLAIN_HEADERS = ("x-api-key", "xi-api-key", "x-goog-api-key", QUERY_HEADER)
REMOVED = ("authorization", *PLAIN_HEADERS)
"""Headers that no service gets."""
MAX_CHARACTERS = 20_000
"""Of one credential: a client secret with a session's settings has up to 16,384."""


def find(headers: Mapping[str, str]) -> str:
    """The request's one credential; empty when it has none. Raises Unauthenticated when it has several."""
    found = set(_all(headers))
    if len(found) > 1:
        raise Unauthenticated("SEVERAL_KEYS", "The request has several keys that differ: send one.")
    credential = next(iter(found), "")
    return credential if len(credential) <= MAX_CHARACTERS else "too long"


def without_keys(subprotocols: str) -> str:
    """The list of WebSocket subprotocols without keys in it."""
    return ", ".join(each for each in _parts(subprotocols) if not each.startswith(SUBPROTOCOL_PREFIX))


def _all(headers: Mapping[str, str]) -> Iterator[str]:
    for each in _parts(headers.get("authorization", "")):
        scheme, _, token = each.partition(" ")
        yield token.strip() if scheme.lower() == "bearer" else each
    for name in PLAIN_HEADERS:
        yield from _parts(headers.get(name, ""))
    for each in _parts(headers.get(SUBPROTOCOL_HEADER, "")):
        if each.startswith(SUBPROTOCOL_PREFIX):
            yield each.removeprefix(SUBPROTOCOL_PREFIX)


def _parts(value: str) -> Iterator[str]:
    """What stands between commas: a header that comes twice is joined by one."""
    return filter(None, (part.strip() for part in value.split(",")))
