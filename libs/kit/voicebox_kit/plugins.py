"""Finds what installed packages offer, without importing what is not asked for."""

from importlib.metadata import entry_points
from typing import Any

from .errors import StartError


def names(group: str) -> list[str]:
    """The names in an entry-point group, sorted."""
    return sorted(entry_points(group=group).names)


def load(group: str, name: str) -> Any:
    """What the entry point `name` names; StartError with the names that exist when it is not installed."""
    try:
        found = entry_points(group=group)[name]
    except KeyError:
        raise StartError(
            f"{name!r} is not installed in {group}; installed: {', '.join(names(group)) or 'nothing'}."
        ) from None
    return found.load()
