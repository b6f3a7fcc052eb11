"""What request fields must look like; each function raises InvalidField with the field's path."""

import re

from voicebox_kit.errors import InvalidField

MAX_OWNER_CHARACTERS = 128
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def request_id(value: str) -> str | None:
    """A UUID4 in lower case, None when it is not given."""
    if value and not _UUID4.fullmatch(value.lower()):
        raise InvalidField("request_id", "request_id must be a UUID4.")
    return value.lower() or None


def owner(value: str, field: str) -> str:
    """An owner, as accounts names it."""
    if not 0 < len(value) <= MAX_OWNER_CHARACTERS or not (value.isascii() and value.isprintable()):
        raise InvalidField(field, f"{field} must be 1 to {MAX_OWNER_CHARACTERS} printable ASCII characters.")
    return value


def identity(value: str, field: str) -> str:
    """The last part of a name."""
    if not _ID.fullmatch(value):
        raise InvalidField(field, f"{field} must be 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit.")
    return value


def name(collection: str, value: str, field: str = "name") -> str:
    """The id in `{collection}/{id}`."""
    found, _, last = value.partition("/")
    if found != collection or not _ID.fullmatch(last):
        raise InvalidField(field, f"{field} must be {collection}/ and an id of 1 to 63 of a-z, 0-9 and -.")
    return last


def identity_of(display_name: str) -> str:
    """An id that looks like a name for people."""
    plain = re.sub(r"[^a-z0-9]+", "-", display_name.lower()).strip("-")[:58].strip("-")
    return plain or "voice"
