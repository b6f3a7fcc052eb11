"""The word error rate (WER) of transcripts."""

import unicodedata
from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein


def words(text: str) -> list[str]:
    """In lower case and without punctuation."""
    kept = unicodedata.normalize("NFKC", text.casefold())
    return "".join(letter if letter.isalnum() or letter == "'" else " " for letter in kept).split()


def word_errors(said: Sequence[str], recognised: Sequence[str]) -> int:
    """How many words must be replaced, added or left out."""
    return Levenshtein.distance(said, recognised)
