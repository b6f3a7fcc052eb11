"""The word error rate between two texts."""

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def word_error_rate(reference: str, hypothesis: str) -> float:
    """Words replaced, left out and added, over the words of the reference; case and punctuation do not count.

    Without a word in the reference: 0 when the hypothesis has none either, else 1.
    """
    expected, found = _words(reference), _words(hypothesis)
    if not expected:
        return float(bool(found))
    costs = list(range(len(found) + 1))
    for row, word in enumerate(expected, 1):
        diagonal, costs[0] = costs[0], row
        for column, other in enumerate(found, 1):
            diagonal, costs[column] = (
                costs[column],
                min(costs[column] + 1, costs[column - 1] + 1, diagonal + (word != other)),
            )
    return costs[-1] / len(expected)


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return _WORD.findall(folded)
