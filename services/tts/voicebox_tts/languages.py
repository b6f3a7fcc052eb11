"""Which language covers which, by BCP 47."""

import re
from collections.abc import Sequence

_REGION = re.compile(r"(?:[a-z]{2}|\d{3})(?:-|$)", re.IGNORECASE)


def canonical(tag: str) -> str:
    """A tag in the letter case of RFC 5646: en-US, zh-Hant, en-GB-x-rp."""
    first, *rest = tag.lower().split("-")
    private = rest.index("x") if "x" in rest else len(rest)
    return "-".join([first, *map(_cased, rest[:private]), *rest[private:]])


def covers(asked: str, spoken: str) -> bool:
    """Whether a voice for one language will do for another: "en" covers "en-US", and a voice for "en" speaks "en-US"."""
    one, other = f"{asked.lower()}-", f"{spoken.lower()}-"
    return one.startswith(other) or other.startswith(one)


def most_specific(tags: Sequence[str]) -> list[str]:
    """The tags less those that another one only narrows to a region: of en-US and en, en-US, or the voice would pass for British."""
    return [tag for tag in tags if not any(other.startswith(f"{tag}-") and _REGION.match(other, len(tag) + 1) for other in tags)]


def _cased(subtag: str) -> str:
    if len(subtag) == 2:
        return subtag.upper()
    return subtag.title() if len(subtag) == 4 and subtag.isalpha() else subtag
