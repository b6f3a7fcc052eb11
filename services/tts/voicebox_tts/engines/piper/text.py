"""Cuts a sentence into what Piper speaks at once: clauses with the punctuation that ends them."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from voicebox_tts.normalization.characters import wants_sound, with_few_marks

MAX_CLAUSE_CHARACTERS = 200
"""A clause without punctuation is cut between words here: the time for a clause grows faster than its length."""

_ENDS = {"。": ".", "…": ".", "！": "!", "？": "?", "，": ",", "、": ",", "；": ";", "：": ":"} | {
    sign: sign for sign in ".!?,;:"
}
_AFTER_CLAUSE = re.compile(r"(?<=[.!?,;:…])[\"'”’)\]]*\s+|(?<=[。！？，、；：])")
_TRAILING = re.compile(r"[\s\"'”’)\]]+$")


@dataclass(frozen=True)
class Clause:
    """A text, and the sign that ends it, of those that Piper knows."""

    text: str
    end: str


def clauses(sentence: str) -> Iterator[Clause]:
    """The clauses that have something to say, in order. Without a sign the last one ends with a full stop."""
    parts = [part for part in _AFTER_CLAUSE.split(with_few_marks(sentence)) if any(map(wants_sound, part))]
    for number, part in enumerate(parts, 1):
        end = _ENDS.get(_TRAILING.sub("", part)[-1:], "." if number == len(parts) else ",")
        *before, last = textwrap.wrap(part, MAX_CLAUSE_CHARACTERS, break_on_hyphens=False)
        yield from (Clause(text, "") for text in before)
        yield Clause(last, end)
