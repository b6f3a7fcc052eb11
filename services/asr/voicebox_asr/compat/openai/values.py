"""Values of a form's fields, which are all texts, in the spellings that clients have for them."""

import json
from collections.abc import Mapping, Sequence

from voicebox_compat.openai import InvalidParameter

TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off", "")


def choice(name: str, text: str, choices: Sequence[str], spellings: Mapping[str, str]) -> str:
    """One of the choices, the first when nothing is given."""
    plain = text.strip().lower()
    chosen = spellings.get(plain, plain) or choices[0]
    if chosen not in choices:
        raise InvalidParameter(
            name, f"{name} must be one of {', '.join(choices)}, not {text[:40]!r}.", "UNSUPPORTED_VALUE"
        )
    return chosen


def boolean(name: str, text: str) -> bool:
    plain = text.strip().lower()
    if plain not in TRUE + FALSE:
        raise InvalidParameter(name, f"{name} must be true or false, not {text[:40]!r}.", "INVALID_TYPE")
    return plain in TRUE


def number(name: str, text: str) -> float:
    """0 to 1; 0 when nothing is given."""
    try:
        given = float(text or 0)
    except ValueError:
        raise InvalidParameter(name, f"{name} must be a number, not {text[:40]!r}.", "INVALID_TYPE") from None
    if not 0 <= given <= 1:
        raise InvalidParameter(name, f"{name} must be 0 to 1.")
    return given


def json_object(name: str, text: str) -> dict[str, str]:
    """The texts in a JSON object."""
    given = _json(text)
    if not isinstance(given, dict):
        raise InvalidParameter(name, f"{name} must be auto or a JSON object.", "INVALID_TYPE")
    return {str(key): str(value) for key, value in given.items()}


def texts(given: Sequence[str]) -> list[str]:
    """The entries of a list: each in its own field, or all in one, as JSON or between commas."""
    entries: list[str] = []
    for text in given:
        parsed = _json(text) if text.startswith("[") else None
        entries += map(str, parsed) if isinstance(parsed, list) else text.split(",")
    return [entry for entry in entries if entry.strip()]


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
