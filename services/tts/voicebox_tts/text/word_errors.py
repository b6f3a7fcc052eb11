"""Measures the word error rate."""

import re
import unicodedata

from rapidfuzz.distance import Levenshtein
from voicebox_kit.combining_marks import with_few_marks

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def word_error_rate(text: str, hypothesis: str) -> float:
    """Words replaced, left out and added, over the words of the text; case and punctuation do not count.

    Without a word in the text: 0 when the hypothesis is empty too, else 1.
    """
    expected, found = _words(text), _words(hypothesis)
    return Levenshtein.distance(expected, found) / len(expected) if expected else float(bool(found))


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", with_few_marks(text)).casefold().replace("’", "'"))
