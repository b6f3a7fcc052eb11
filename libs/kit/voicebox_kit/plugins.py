"""Finds entry points of installed packages, and imports only the one that is named."""

import difflib
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
        raise StartError(_missing(group, name)) from None
    return found.load()


def _missing(group: str, name: str) -> str:
    kind, known = group.rpartition(".")[2].removesuffix("s"), names(group)
    near = difflib.get_close_matches(name, known, n=1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return f"There is no {kind} {name!r}.{meant} Installed: {', '.join(known) or 'none'}."
