"""Emoji by their names in Unicode's CLDR, which the package `emoji` carries in fourteen languages."""

from collections.abc import Container
from functools import cache
from importlib import import_module
from typing import Any

from .characters import pictures


def with_named_emoji(text: str, language: str, others: Container[str]) -> str:
    """The text with the names of its emoji; a run of the same is named once.

    `language` is a primary subtag of BCP 47. `others` are characters that are named elsewhere. Emoji without a name in
    the language stay.
    """
    if text.isascii() or not pictures(text) or language not in _package().LANGUAGES:
        return text
    parts, end, before = list[str](), 0, ""
    for found in _package().emoji_list(text):
        name = "" if found["emoji"] in others else _name(found["emoji"], language)
        between = text[end : found["match_start"]]
        parts.append(between)
        if not name:
            parts.append(found["emoji"])
        elif name != before or between.strip():
            parts.append(f" {name} " if between.strip() or not before else f", {name} ")
        end, before = found["match_end"], name
    return " ".join("".join([*parts, text[end:]]).split()).replace(" ,", ",")


def _name(emoji: str, language: str) -> str:
    """As it is said: `:party_popper:` without its marks; empty where there is none."""
    named = str(_package().demojize(emoji, language=language))
    return "" if named == emoji else named.strip(":").replace("_", " ")


@cache
def _package() -> Any:
    """Imported with the first picture: it reads 0.5 MB."""
    return import_module("emoji")
