"""When each word of a final was first shown: words are paired by alignment, since interims lack words, have others, or
too many.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from bench.asr import plain


@dataclass(frozen=True)
class Shown:
    """A text that was shown, and when."""

    at: float
    text: str


def first_shown(
    words: Sequence[str], begun: Sequence[float], interims: Sequence[Shown], final_at: float
) -> list[float]:
    """For each word of a final the time of the first interim in which it stood, at its position; `final_at` where it
    stood in none.

    `begun` says when each word began to be said: what was shown before that was another one.
    """
    wanted = [plain(word) for word in words]
    times = [final_at] * len(words)
    for interim in reversed(interims):
        matcher = SequenceMatcher(None, wanted, plain(interim.text).split(), autojunk=False)
        for block in matcher.get_matching_blocks():
            for index in range(block.a, block.a + block.size):
                if interim.at >= begun[index]:
                    times[index] = interim.at
    return times
