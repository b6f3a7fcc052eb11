"""The word error rate (WER) of transcripts."""

import unicodedata
from collections.abc import Sequence


def words(text: str) -> list[str]:
    """In lower case and without punctuation."""
    kept = (letter for letter in unicodedata.normalize("NFKC", text.casefold()))
    return "".join(letter if letter.isalnum() or letter == "'" else " " for letter in kept).split()


def word_errors(said: Sequence[str], recognised: Sequence[str]) -> int:
    """How many words must be replaced, added or left out (Levenshtein)."""
    row = list(range(len(recognised) + 1))
    for count, word in enumerate(said, 1):
        before, row[0] = row[0], count
        for index, other in enumerate(recognised, 1):
            before, row[index] = row[index], min(row[index] + 1, row[index - 1] + 1, before + (word != other))
    return row[-1]
