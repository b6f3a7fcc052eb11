"""Cuts a sentence into clauses, each with the sign that ends it, and their audio into chunks."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from voicebox_kit.combining_marks import with_few_marks

from voicebox_tts.engine import Samples
from voicebox_tts.normalization.characters import wants_sound

MAX_CLAUSE_CHARACTERS = 200
"""A clause without punctuation is cut between words here: the time for a clause grows faster than its length."""

FIRST_CHUNK_SECONDS, CHUNK_SECONDS = 0.1, 0.5
"""A clause is made as a whole, and yielded in chunks: a listener who leaves is noticed after one."""

_ENDS = {"。": ".", "…": ".", "！": "!", "？": "?", "，": ",", "、": ",", "；": ";", "：": ":"} | {
    sign: sign for sign in ".!?,;:"
}
_AFTER_CLAUSE = re.compile(r"(?<=[.!?,;:…])[\"'”’)\]]*\s+|(?<=[。！？，、；：])")
_TRAILING = re.compile(r"[\s\"'”’)\]]+$")


@dataclass(frozen=True)
class Clause:
    """A text, and the sign that ends it: one of `.!?,;:`, or none where the clause was too long."""

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


def chunks(samples: Samples, sample_rate_hz: int) -> Iterator[Samples]:
    """The samples in order; the first chunk is short. One chunk, if empty, of none."""
    first, step = (int(seconds * sample_rate_hz) for seconds in (FIRST_CHUNK_SECONDS, CHUNK_SECONDS))
    yield samples[:first]
    for begin in range(first, len(samples), step):
        yield samples[begin : begin + step]
