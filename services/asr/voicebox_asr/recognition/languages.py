"""Matches the language that a caller asks for with those that a model has."""

from collections.abc import Sequence

from voicebox_kit import languages
from voicebox_kit.errors import InvalidField

MOST_NAMED = 10


def resolve(asked: str, known: Sequence[str], field: str) -> str:
    """The known tag that covers the tag `asked`; when it is empty, the first.

    Raises InvalidField(`field`) when there is none.
    """
    if not asked:
        return known[0]
    found = languages.best(asked, known)
    if found is None:
        some = ", ".join(known[:MOST_NAMED]) + (" ..." if len(known) > MOST_NAMED else "")
        raise InvalidField(field, f"There is no model for language {asked!r}; there are {some}.", "LANGUAGE_UNKNOWN")
    return found
