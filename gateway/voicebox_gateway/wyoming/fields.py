"""Reads an event's data, each field into its type; null and a missing field are the same."""

from collections.abc import Mapping
from typing import Any

from voicebox_kit.errors import InvalidField

Data = Mapping[str, Any]


def text(data: Data, name: str) -> str:
    """The text, empty when it is missing. Raises InvalidField, as all of these."""
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidField(name, f"{name} must be a text.")
    return value or ""


def texts(data: Data, name: str) -> list[str]:
    """The list of texts, empty when it is missing."""
    value = data.get(name) or []
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InvalidField(name, f"{name} must be a list of texts.")
    return value


def nested(data: Data, name: str) -> Data:
    """The object, empty when it is missing."""
    value = data.get(name) or {}
    if not isinstance(value, dict):
        raise InvalidField(name, f"{name} must be an object.")
    return value


def whole(data: Data, name: str, minimum: int, maximum: int) -> int:
    """The whole number, which may not be missing."""
    value = data.get(name)
    if type(value) is not int or not minimum <= value <= maximum:
        raise InvalidField(name, f"{name} must be a whole number from {minimum} to {maximum}.")
    return value
