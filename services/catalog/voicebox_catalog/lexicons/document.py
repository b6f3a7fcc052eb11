"""A lexicon as a file holds it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from voicebox_kit.errors import InvalidField
from voicebox_lexicon.matching import WrittenForms

from .entries import MAX_NAMED, Entry, one_line, repeated

FIELD = "file"


@dataclass(frozen=True)
class Document:
    """What a file says. `language` is empty where it does not; `warnings` are sentences on what of it was left out."""

    entries: tuple[Entry, ...]
    language: str = ""
    case_sensitive: bool = False
    warnings: tuple[str, ...] = ()


def refused(place: str, problem: str, reason: str = "LEXICON_FILE_INVALID") -> InvalidField:
    """The error for a file that cannot be read."""
    return InvalidField(FIELD, f"{FIELD}, {place}: {problem}.", reason)


def without_repeats(document: Document, *, case_sensitive: bool) -> Document:
    """The same with the first entry of each written form, and a warning where others were left out."""
    entries = [replace(entry, written=one_line(entry.written)) for entry in document.entries]
    forms = WrittenForms([entry.written for entry in entries if entry.written], case_sensitive=case_sensitive)
    later = [entry for entry, _ in repeated(entries, forms)]
    if not later:
        return document
    dropped = {id(entry) for entry in later}
    kept = tuple(entry for entry in entries if id(entry) not in dropped)
    return replace(document, entries=kept, warnings=(*document.warnings, _repeats(later)))


def _repeats(later: Sequence[Entry]) -> str:
    named = ", ".join(f"{entry.shown} ({entry.place})" for entry in later[:MAX_NAMED])
    more = f" and {len(later) - MAX_NAMED} more" if len(later) > MAX_NAMED else ""
    return f"Written forms that stand in the file before are left out: {named}{more}."
