"""Cuts text into words, also where a script writes no spaces."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u30ff\u31f0-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\uff00-\uffee\U00020000-\U0003ffff"
)
"""Thai, Lao, Burmese, Khmer; Chinese characters, kana, full width: each may stand at a line's end."""

CLOSING = "、。，．・：；？！」』）】〉》”’…ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ"
"""What no line begins with (JIS X 4051, in short)."""

OPENING = "「『（【〈《“‘"
"""What no line ends with."""

WORD = re.compile(rf"[{OPENING}]*[{UNSPACED}]|[^\s{UNSPACED}]+")


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Where each word begins and ends. In a script without spaces each character is a word, with its marks."""
    start = end = 0
    for match in WORD.finditer(text):
        first = text[match.start()]
        joins = match.start() == end > 0 and (first in CLOSING or unicodedata.category(first).startswith("M"))
        if not joins:
            if end > start:
                yield start, end
            start = match.start()
        end = match.end()
    if end > start:
        yield start, end


def positions(text: str, words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where each of some consecutive words begins and ends in a text; marks and spaces belong to the word before."""
    starts, at = [], 0
    for word in words:
        found = text.find(word, at)
        at = found if found >= 0 else at
        starts.append(at)
        at += len(word) if found >= 0 else 0
    if starts:
        starts[0] = 0
        yield from pairwise([*starts, len(text)])


def width(text: str) -> int:
    """How many columns a text takes: two for a character of Chinese, Japanese or Korean, none for a mark on another."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text
    )
