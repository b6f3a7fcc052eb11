"""Matches the language that a caller asks for with those that a model has."""

from collections.abc import Sequence

from voicebox_kit.errors import InvalidField


def resolve(asked: str, known: Sequence[str], field: str) -> str:
    """The known BCP 47 tag that `asked` means: itself in any case, the first with that primary subtag ("en"), or, when empty, the first.

    Raises InvalidField(`field`) when there is none.
    """
    if not asked:
        return known[0]
    wanted = asked.replace("_", "-").lower()
    for tag in known:
        if wanted in (tag.lower(), tag.lower().partition("-")[0]):
            return tag
    raise InvalidField(field, f"There is no model for language {asked[:40]!r}; there are {', '.join(known)}.", "LANGUAGE_UNKNOWN")
