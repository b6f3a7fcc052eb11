"""Matches the requested language with those of a model."""

from collections.abc import Sequence

from voicebox_kit import languages
from voicebox_kit.errors import InvalidField

MAX_NAMED = 10


def resolve(requested: str, known: Sequence[str], field: str) -> str:
    """The known tag that covers the tag `requested`; when it is empty, the first.

    Raises InvalidField(`field`) when there is none.
    """
    if not requested:
        return known[0]
    found = languages.best(requested, known)
    if found is None:
        some = ", ".join(known[:MAX_NAMED]) + (" ..." if len(known) > MAX_NAMED else "")
        raise InvalidField(
            field, f"There is no model for language {requested!r}; there are {some}.", "LANGUAGE_UNKNOWN"
        )
    return found
