"""What the fields of requests must look like; each function raises InvalidField with the field's path."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from voicebox_kit.errors import InvalidField

MAX_INPUTS = 10_000
_INPUT = re.compile("inputs/([0-9a-f-]{36})")
_PROFILE = re.compile("profiles/[a-z0-9][a-z0-9-]{0,62}")
_MODEL = re.compile(r"models/[A-Za-z0-9._-]+/[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)?")


def text(value: Any, field: str, maximum: int, minimum: int = 0) -> str:
    """Text of so many characters, without NUL."""
    if not isinstance(value, str) or not minimum <= len(value) <= maximum or "\0" in value:
        raise InvalidField(field, f"{field} must have {minimum} to {maximum} characters, and no NUL.")
    return value


def display_name(value: Any, field: str) -> str:
    """A name for people: 1 to 100 characters, not only spaces, no control characters."""
    if not text(value, field, 100, 1).strip() or any(unicodedata.category(letter) == "Cc" for letter in value):
        raise InvalidField(field, f"{field} must have 1 to 100 characters, not only spaces, and no control characters.")
    return str(value)


def input_id(name: Any, field: str) -> str:
    """The id in `inputs/{input}`."""
    found = _INPUT.fullmatch(name) if isinstance(name, str) else None
    if not found:
        raise InvalidField(field, f"{field} must be inputs/INPUT.")
    return found[1]


def input_ids(names: Sequence[Any], field: str, maximum: int = MAX_INPUTS) -> list[str]:
    """The ids of different inputs."""
    found = [input_id(name, field) for name in names]
    if len(found) > maximum or len(set(found)) != len(found):
        raise InvalidField(field, f"{field} must be at most {maximum}, each once.")
    return found


def profile(name: Any, field: str) -> str:
    """`profiles/{profile}`."""
    if not isinstance(name, str) or not _PROFILE.fullmatch(name):
        raise InvalidField(field, f"{field} must be profiles/PROFILE.")
    return name


def model(name: Any, field: str) -> str:
    """`models/{engine}/{model}`."""
    if not isinstance(name, str) or not _MODEL.fullmatch(name):
        raise InvalidField(field, f"{field} must be models/ENGINE/MODEL.")
    return name


def recordings(request: Any, field: str, maximum: int = MAX_INPUTS) -> list[str]:
    """The ids of the inputs of a request that has either `inputs` or a `profile`."""
    inputs, of_profile = request.get("inputs", []), request.get("profile", "")
    if bool(inputs) == bool(of_profile):
        raise InvalidField(f"{field}.inputs", f"Either {field}.inputs or {field}.profile must be set.")
    if of_profile:
        profile(of_profile, f"{field}.profile")
    return input_ids(inputs, f"{field}.inputs", maximum)
