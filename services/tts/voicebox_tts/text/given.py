"""Stretches of a text whose phonemes are given: in the text each of them is one character of private use.

So sentences and clauses are cut around them, and never within them.
"""

import re
from collections.abc import Iterator, Sequence

from voicebox_tts.engine import GivenPhonemes, Stretch

MAX_STRETCHES = 0xF000
_FIRST = 0xF0000
_WEIGHT = chr(_FIRST + MAX_STRETCHES)
SPELLED_APART = chr(_FIRST + MAX_STRETCHES + 1)
"""A space between characters that are spelled: what is around it is neither a number with its unit nor a word."""
OURS = f"{chr(_FIRST)}-{SPELLED_APART}"
"""All characters that stand for something, as a range of a regular expression."""
_PLACEHOLDER = re.compile(f"[{chr(_FIRST)}-{chr(_FIRST + MAX_STRETCHES - 1)}]")
_OURS = re.compile(f"[{OURS}]")
_OF_STRETCHES = re.compile(f"[{chr(_FIRST)}-{_WEIGHT}]")
_SPELLED = re.compile(rf"([^\s{SPELLED_APART}](?:{SPELLED_APART}[^\s{SPELLED_APART}])+)")
_SPELLED_SPACE = re.compile(f" ?{SPELLED_APART} ?")
_BETWEEN_SPELLED = re.compile(f"(?<={SPELLED_APART}.) (?=.{SPELLED_APART})")


def placeholder(number: int) -> str:
    """What stands in a text for the stretch of this number."""
    return chr(_FIRST + number)


def number_of(text: str) -> int | None:
    """The number of the stretch that a text begins with; None where it begins with none."""
    return ord(text[0]) - _FIRST if _PLACEHOLDER.match(text) else None


def has_placeholder(text: str) -> bool:
    """Whether a stretch stands in it."""
    return _PLACEHOLDER.search(text) is not None


def without_placeholders(text: str) -> str:
    """A text of somebody who knows nothing of them, in which they stand for nothing."""
    return text if text.isascii() else _OURS.sub("", text)


def spelled(text: str) -> str:
    """A text whose characters are said one by one."""
    return SPELLED_APART.join(mark for mark in without_placeholders(text) if not mark.isspace())


def with_joined_spelling(text: str) -> str:
    """The same, where spelled words that follow each other are one: else the last digit of one and the first letter of
    the next would be a number and its unit.
    """
    return _BETWEEN_SPELLED.sub(SPELLED_APART, text)


def spelled_parts(text: str) -> Iterator[tuple[str, bool]]:
    """The parts of a text, none of them empty, and whether the characters of each are said one by one."""
    for number, part in enumerate(_SPELLED.split(text)):
        if part:
            yield part.replace(SPELLED_APART, ""), number % 2 == 1


def without_spelling(text: str) -> str:
    """The same with spaces between its characters."""
    return _SPELLED_SPACE.sub(" ", text)


def split(text: str, given: Sequence[GivenPhonemes]) -> Iterator[Stretch]:
    """The stretches of a text, none of them empty. A character that stands for none of `given` is one of the text."""
    end = 0
    for match in _PLACEHOLDER.finditer(text):
        if ord(match[0]) - _FIRST >= len(given):
            continue
        if before := text[end : match.start()]:
            yield before
        yield given[ord(match[0]) - _FIRST]
        end = match.end()
    if rest := text[end:]:
        yield rest


def written(text: str, given: Sequence[GivenPhonemes]) -> str:
    """The text as it is written."""
    text = without_spelling(text)
    return as_written(split(text, given)) if given else text


def as_written(stretches: Iterator[Stretch] | Sequence[Stretch]) -> str:
    """Stretches as they are written."""
    return "".join(each.text if isinstance(each, GivenPhonemes) else each for each in stretches)


def joined(stretches: Sequence[Stretch]) -> tuple[str, tuple[GivenPhonemes, ...]]:
    """A text with placeholders, and what these stand for."""
    parts, given = list[str](), list[GivenPhonemes]()
    for each in stretches:
        if isinstance(each, GivenPhonemes):
            parts.append(placeholder(len(given)))
            given.append(each)
        else:
            parts.append(_OF_STRETCHES.sub("", each))
    return "".join(parts), tuple(given)


def weighted(text: str, given: Sequence[GivenPhonemes]) -> str:
    """The text with a character for each phoneme of a stretch, for what measures how much there is to say."""
    return _PLACEHOLDER.sub(lambda match: match[0] + _WEIGHT * (len(given[ord(match[0]) - _FIRST].ipa) - 1), text)


def weightless(text: str) -> str:
    """The text before it was weighted, or a part of it."""
    return text.replace(_WEIGHT, "")
