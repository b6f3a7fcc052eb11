"""When words are spoken, by the durations of the units that a model speaks: phonemes or letters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicebox_tts.engine import Word


@dataclass(frozen=True)
class Unit:
    """A phoneme or letter, the ids that stand for it, those from `first` to before `after`, and its word's number."""

    text: str
    first: int
    after: int
    word: int


def timed(words: Sequence[str], units: Sequence[Unit], seconds: NDArray[np.float64]) -> Iterator[Word]:
    """Each word once, in order. `seconds`, shape (ids + 1,), is when each id begins, and when the last one ends.

    Words without a unit of their own share the time of the word before them by their letters.
    """
    own = {number: [unit for unit in units if unit.word == number] for number in range(len(words))}
    heads = [number for number in own if own[number]] or [0]
    for head, after in zip(heads, [*heads[1:], len(words)], strict=True):
        group = range(0 if head == heads[0] else head, after)
        begin = float(seconds[own[head][0].first]) if own.get(head) else float(seconds[0])
        end = float(seconds[own[head][-1].after]) if own.get(head) else float(seconds[-1])
        letters = sum(len(words[number]) for number in group)
        for number in group:
            until = begin + (end - begin) * len(words[number]) / letters
            yield Word(words[number], begin, until)
            begin, letters = until, letters - len(words[number])
