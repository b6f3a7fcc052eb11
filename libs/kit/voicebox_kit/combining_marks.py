"""Bounds runs of combining marks: Unicode normalisation takes quadratic time in them (Unicode annex 15, section 13)."""

import unicodedata

MAX_MARKS = 8
"""Combining marks on one letter. No script needs more."""


def with_few_marks(text: str) -> str:
    """The text with MAX_MARKS combining marks in a row at most."""
    if text.isascii():
        return text
    visible, marks = list[str](), 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character)[0] == "M" else 0
        if marks <= MAX_MARKS:
            visible.append(character)
    return "".join(visible)
