"""Values of a client's events, checked: InvalidField names their path."""

from collections.abc import Mapping
from typing import Any

from voicebox_kit.errors import InvalidField


def as_object(given: object, path: str) -> Mapping[str, Any]:
    """The JSON object that must stand at `path`."""
    if not isinstance(given, dict):
        raise InvalidField(path, f"{path} must be an object.", "INVALID_TYPE")
    return given


def text(given: Mapping[str, Any], name: str, path: str) -> str:
    """A string, empty where there is none."""
    value = given.get(name) or ""
    if not isinstance(value, str):
        raise InvalidField(f"{path}.{name}", f"{name} must be a string.", "INVALID_TYPE")
    try:
        value.encode()
    except UnicodeEncodeError:  # "\ud800" is good JSON
        raise InvalidField(f"{path}.{name}", f"{name} contains an unpaired surrogate, no valid character.") from None
    return value


def number(given: Mapping[str, Any], name: str, path: str, low: float, high: float, default: float) -> float:
    """A number from `low` to `high`."""
    value = given.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidField(f"{path}.{name}", f"{name} must be a number.", "INVALID_TYPE")
    if not low <= value <= high:  # nor is NaN
        raise InvalidField(f"{path}.{name}", f"{name} must be {low:g} to {high:g}.")
    return float(value)
