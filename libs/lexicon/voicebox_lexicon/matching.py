"""Finds the written forms of a lexicon in a text: the longest first, between the borders of words."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TOGETHER = (
    ("\u0e00", "\u0eff"),
    ("\u1000", "\u109f"),
    ("\u1780", "\u17ff"),
    ("\u3040", "\u30ff"),
    ("\u3400", "\u9fff"),
)
"""Thai and Lao, Burmese, Khmer, kana and Chinese characters, which write words without a space between them."""


@dataclass(frozen=True)
class Match:
    """The written form number `index`, which stands in a text from `begin` up to `end`."""

    begin: int
    end: int
    index: int


class WrittenForms:
    """Written forms, each found by its number. Of two that are the same, the first counts."""

    def __init__(self, forms: Sequence[str], *, case_sensitive: bool) -> None:
        self._case_sensitive = case_sensitive
        self._numbers = dict[str, int]()
        lengths = dict[str, set[int]]()
        for number, form in enumerate(forms):
            key = self.key(form)
            self._numbers.setdefault(key, number)
            lengths.setdefault(key[0], set()).add(len(key))
        self._lengths = {first: sorted(found, reverse=True) for first, found in lengths.items()}

    def key(self, form: str) -> str:
        """What written forms that are found in the same places have in common; as long as the form."""
        return form if self._case_sensitive else "".join(map(_small, form))

    def at(self, key: str, begin: int) -> Match | None:
        """The longest that begins at a place of a text, of which `key` is the key; None where there is none."""
        if not is_border(key, begin):
            return None
        for length in self._lengths.get(key[begin], ()):
            number = self._numbers.get(key[begin : begin + length])
            if number is not None and is_border(key, begin + length):
                return Match(begin, begin + length, number)
        return None

    def found(self, text: str) -> Iterator[Match]:
        """Those in a text, from its start, none within another."""
        key, at = self.key(text), 0
        while at < len(key):
            match = self.at(key, at)
            if match:
                yield match
            at = match.end if match else at + 1


def is_border(text: str, index: int) -> bool:
    """Whether no word goes on across a place in a text."""
    return not (0 < index < len(text) and _is_in_word(text[index - 1]) and _goes_on(text[index]))


def _is_in_word(character: str) -> bool:
    return _goes_on(character) and not any(first <= character <= last for first, last in _TOGETHER)


def _goes_on(character: str) -> bool:
    """Letters and digits, and marks, which belong to the letter before."""
    is_mark = unicodedata.category(character)[0] == "M"
    is_letter = character.isalnum() and not any(first <= character <= last for first, last in _TOGETHER)
    return is_mark or is_letter


def _small(character: str) -> str:
    """A small letter, where that is one character."""
    small = character.lower()
    return small if len(small) == 1 else character
