"""What request fields must look like; each function raises InvalidField with the field's path."""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence

from voicebox_kit import languages
from voicebox_kit.errors import InvalidField

DEFAULT_LANGUAGE = "en-US"
MAX_LABELS = 64
MAX_NAME = 300
MAX_WARNINGS = 100

_PROFILE_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,62}")
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def text(value: str, field: str, max_characters: int) -> str:
    """Free text of at most `max_characters` characters. NUL is refused: not every database can hold it."""
    if len(value) > max_characters:
        raise InvalidField(field, f"{field} must have at most {max_characters} characters, not {len(value)}.")
    if "\0" in value:
        raise InvalidField(field, f"{field} must not contain NUL.")
    return value


def display_name(value: str, field: str) -> str:
    """A name for people: 1 to 100 characters in any script, not only spaces, no control characters."""
    text(value, field, 100)
    if not value.strip():
        raise InvalidField(field, f"{field} must have 1 to 100 characters.")
    if any(unicodedata.category(letter) == "Cc" for letter in value):
        raise InvalidField(field, f"{field} must not contain control characters.")
    return value


def language(value: str, field: str) -> str:
    """A language in any form, as its tag; empty is the default."""
    return languages.tag(value, field) or DEFAULT_LANGUAGE


def recognised_language(value: str, field: str) -> str:
    """The language of a record, as its tag where it is one."""
    text(value, field, MAX_NAME)
    found = languages.understood(value)
    return value if found is None else found


def labels(value: Mapping[str, str], field: str) -> dict[str, str]:
    """At most 64 labels: keys of 1 to 63, values of up to 255 characters."""
    if len(value) > MAX_LABELS:
        raise InvalidField(field, f"{field} must have at most {MAX_LABELS} labels, not {len(value)}.")
    for key, content in value.items():
        if not key:
            raise InvalidField(field, f"{field} must not have an empty key.")
        text(key, field, 63)
        text(content, f"{field}.{key}", 255)
    return dict(value)


def profile_id(value: str, field: str) -> str:
    """The last part of a profile's or a lexicon's name."""
    if not _PROFILE_ID.fullmatch(value):
        raise InvalidField(field, f"{field} must be 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit.")
    return value


def request_id(value: str) -> str | None:
    """A UUID4 in lower case, None when it is not given."""
    if value and not _UUID4.fullmatch(value.lower()):
        raise InvalidField("request_id", "request_id must be a UUID4.")
    return value.lower() or None


def profile_name(value: str, field: str = "name") -> str:
    """The id in `profiles/{profile}`."""
    return _name("profiles", value, field)


def lexicon_name(value: str, field: str = "name") -> str:
    """The id in `lexicons/{lexicon}`."""
    return _name("lexicons", value, field)


def _name(kinds: str, value: str, field: str) -> str:
    collection, _, identity = value.partition("/")
    if collection != kinds or not _PROFILE_ID.fullmatch(identity):
        raise InvalidField(field, f"{field} must be {kinds}/ and an id of 1 to 63 of a-z, 0-9 and -.")
    return identity


def sample_name(value: str, field: str = "name") -> tuple[str, str]:
    """The ids in `profiles/{profile}/samples/{sample}`."""
    found = re.fullmatch(f"profiles/({_PROFILE_ID.pattern})/samples/({_ID.pattern})", value)
    if not found:
        raise InvalidField(field, f"{field} must be profiles/{{profile}}/samples/{{sample}}.")
    return found[1], found[2]


def record_name(kind: str, value: str, field: str = "name") -> str:
    """The id in `{kind}s/{id}`, of a generation or a transcription, in lower case."""
    collection, _, identity = value.partition("/")
    if collection != f"{kind}s" or not _ID.fullmatch(identity):
        raise InvalidField(field, f"{field} must be {kind}s/ and an id.")
    return identity.lower()


def record_request_id(kind: str, value: str) -> str:
    """The UUID4 in `{kind}s/{request_id}`, in lower case."""
    collection, _, identity = value.partition("/")
    if collection != f"{kind}s" or not _UUID4.fullmatch(identity.lower()):
        raise InvalidField(f"{kind}.name", f"{kind}.name must be {kind}s/ and a UUID4.")
    return identity.lower()


def parameters(value: Mapping[str, str], field: str) -> dict[str, str]:
    """At most 64 parameters: names of 1 to 63, values of up to 1000 characters."""
    if len(value) > MAX_LABELS:
        raise InvalidField(field, f"{field} must be at most {MAX_LABELS}, not {len(value)}.")
    for key, content in value.items():
        if not key:
            raise InvalidField(field, f"{field} must not have an empty name.")
        text(key, field, 63)
        text(content, f"{field}.{key}", 1000)
    return dict(value)


def warnings(value: Sequence[str], field: str) -> list[str]:
    """At most 100 sentences of up to 2000 characters."""
    if len(value) > MAX_WARNINGS:
        raise InvalidField(field, f"{field} must be at most {MAX_WARNINGS}.")
    return [text(warning, field, 2000) for warning in value]


def finite(value: float, field: str) -> float:
    """A number that is neither infinite nor NaN."""
    if not math.isfinite(value):
        raise InvalidField(field, f"{field} must be a finite number.")
    return value


def at_least_zero(value: int, field: str) -> int:
    """A number that is not negative."""
    if value < 0:
        raise InvalidField(field, f"{field} must not be negative.")
    return value
