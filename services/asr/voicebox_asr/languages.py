"""Matches the language that a caller asks for with those that a model has."""

from collections.abc import Sequence

from voicebox_kit.errors import InvalidField

MOST_NAMED = 10


def resolve(asked: str, known: Sequence[str], field: str) -> str:
    """The known BCP 47 tag that `asked` means; when it is empty, the first.

    That is the tag itself in any case; else, for a bare "en", the first English; else, for "en-GB", a bare "en".
    Raises InvalidField(`field`) when there is none.
    """
    if not asked:
        return known[0]
    wanted = asked.replace("_", "-").lower()
    tags = {tag.lower(): tag for tag in reversed(known)}
    primaries = {tag.lower().partition("-")[0]: tag for tag in reversed(known)}
    found = tags.get(wanted) or primaries.get(wanted) or tags.get(wanted.partition("-")[0])
    if found is None:
        some = ", ".join(known[:MOST_NAMED]) + (" ..." if len(known) > MOST_NAMED else "")
        raise InvalidField(field, f"There is no model for language {asked[:40]!r}; there are {some}.", "LANGUAGE_UNKNOWN")
    return found
