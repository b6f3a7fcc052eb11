"""What request fields must look like; each function raises InvalidField with the field's path."""

import re
import unicodedata
from collections.abc import Mapping

from voicebox_kit.errors import InvalidField

DEFAULT_LANGUAGE = "en-US"
MAX_LABELS = 64

_PROFILE_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,62}")
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
# BCP 47, section 2.1: language, script, region, variants, extensions, private use; or private use alone.
_LANGUAGE = re.compile(
    r"""(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?
        (?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[0-9a-wyz](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?
        |x(?:-[a-z0-9]{1,8})+""",
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)


def text(value: str, field: str, most: int) -> str:
    """Free text of at most `most` characters. NUL is refused: not every database can hold it."""
    if len(value) > most:
        raise InvalidField(field, f"{field} must have at most {most} characters, not {len(value)}.")
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
    """A well-formed BCP 47 tag; empty is the default."""
    if value and (len(value) > 64 or not _LANGUAGE.fullmatch(value)):
        raise InvalidField(field, f"{field} must be a BCP 47 language such as en-US.")
    return value or DEFAULT_LANGUAGE


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
    """The last part of a profile's name."""
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
    collection, _, identity = value.partition("/")
    if collection != "profiles" or not _PROFILE_ID.fullmatch(identity):
        raise InvalidField(field, f"{field} must be profiles/ and an id of 1 to 63 of a-z, 0-9 and -.")
    return identity


def sample_name(value: str) -> tuple[str, str]:
    """The ids in `profiles/{profile}/samples/{sample}`."""
    found = re.fullmatch(f"profiles/({_PROFILE_ID.pattern})/samples/({_ID.pattern})", value)
    if not found:
        raise InvalidField("name", "name must be profiles/{profile}/samples/{sample}.")
    return found[1], found[2]


def generation_name(value: str) -> str:
    """The id in `generations/{generation}`."""
    collection, _, identity = value.partition("/")
    if collection != "generations" or not _ID.fullmatch(identity):
        raise InvalidField("name", "name must be generations/{generation}.")
    return identity.lower()


def generation_request_id(value: str) -> str:
    """The UUID4 in `generations/{request_id}`, in lower case."""
    collection, _, identity = value.partition("/")
    if collection != "generations" or not _UUID4.fullmatch(identity.lower()):
        raise InvalidField("generation.name", "generation.name must be generations/ and a UUID4.")
    return identity.lower()
