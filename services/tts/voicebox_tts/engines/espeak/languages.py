"""Which of an engine's tags for one voice say most."""

import re
from collections.abc import Sequence

_REGION = re.compile(r"(?:[a-z]{2}|\d{3})(?:-|$)", re.IGNORECASE)


def most_specific(tags: Sequence[str]) -> list[str]:
    """The tags less those that another one only narrows to a region: of en-US and en, en-US, or the voice would pass
    for British.
    """
    return [
        tag
        for tag in tags
        if not any(other.startswith(f"{tag}-") and _REGION.match(other, len(tag) + 1) for other in tags)
    ]
