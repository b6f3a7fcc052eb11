"""How English words are said: the package's own rules, lexicon and networks, and what belongs to which word."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hibari.g2p import G2P

from .published import AMERICAN, BRITISH, READING, VOCABULARY

IPA = {
    "A": "eɪ",
    "I": "aɪ",
    "O": "oʊ",
    "Q": "əʊ",
    "W": "aʊ",
    "Y": "ɔɪ",
    "T": "ɾ",
    "ʤ": "dʒ",
    "ʧ": "tʃ",
    "ᵊ": "ə",
    "ᵻ": "ɪ",
}
"""What misaki writes with letters of its own: https://github.com/hexgrad/misaki/blob/main/EN_PHONES.md"""
STRESSES, LENGTH = "ˈˌ", "ː"
PUNCTUATION = frozenset(';:,.!?—…"()“” ')

PAD = 0


@dataclass(frozen=True)
class Sound:
    """A phoneme in IPA and the index of the number that it begins with."""

    ipa: str
    at: int


@dataclass(frozen=True)
class SpokenWord:
    """A word and the indices of its numbers, from `begin` up to `end`."""

    text: str
    begin: int
    end: int


@dataclass(frozen=True)
class Pronounced:
    """A piece of text as the network reads it: numbers of the vocabulary, with PAD at both ends."""

    ids: tuple[int, ...]
    words: tuple[SpokenWord, ...]
    sounds: tuple[Sound, ...]


class Pronunciation:
    """Reads English. Thread-safe: it only looks things up."""

    def __init__(self, *, british: bool) -> None:
        """Raises StartError when one of the package's files is not what was published."""
        for file in (*READING, *(BRITISH if british else AMERICAN)):
            file.read()
        self._vocabulary: dict[str, int] = json.loads(VOCABULARY.read())
        self._reader = G2P(british=british)
        _ = self._reader.oov  # loaded now, and not by the first caller whose text has an unknown word

    def pronounce(self, text: str) -> Pronounced:
        """A text in printable ASCII, with dashes and ellipses."""
        ids, words, sounds = [PAD], list[SpokenWord](), list[Sound]()
        for token in _joined(self._reader.phonemize_tokens(self._reader.tokenize(text))):
            begin = len(ids)
            letters = [letter for letter in token.phonemes if letter in self._vocabulary]
            sounds.extend(_sounds(letters, begin))
            ids.extend(self._vocabulary[letter] for letter in letters)
            if token.is_word and len(ids) > begin:
                words.append(SpokenWord(token.word, begin, len(ids)))
            if token.space_follows:
                ids.append(self._vocabulary[" "])
        while len(ids) > 1 and ids[-1] == self._vocabulary[" "]:
            ids.pop()
        return Pronounced((*ids, PAD), tuple(words), tuple(sounds))


@dataclass(frozen=True)
class _Token:
    """A word or a punctuation mark, and how it is said."""

    text: str
    phonemes: str
    space_follows: bool

    @property
    def is_word(self) -> bool:
        return any(map(str.isalnum, self.text))

    @property
    def word(self) -> str:
        """The word without the punctuation around it."""
        inside = [index for index, character in enumerate(self.text) if character.isalnum()]
        return self.text[inside[0] : inside[-1] + 1]


def _joined(tokens: list[Any]) -> Iterator[_Token]:
    """The reader's tokens, with those joined that are one word."""
    last: _Token | None = None
    for each in tokens:
        token = _Token(each.text, each.phonemes or "", bool(each.whitespace))
        if last and last.is_word and token.is_word and not last.space_follows:
            last = _Token(last.text + token.text, last.phonemes + token.phonemes, token.space_follows)
            continue
        if last:
            yield last
        last = token
    if last:
        yield last


def _sounds(letters: list[str], begin: int) -> Iterator[Sound]:
    """The phonemes of a token, whose first number has the index `begin`. A phoneme begins with its mark of stress."""
    at: int | None = None
    for index, letter in enumerate(letters, begin):
        if letter in STRESSES:
            at = index
        elif letter not in PUNCTUATION and letter != LENGTH:
            is_long = letters[index - begin + 1 : index - begin + 2] == [LENGTH]
            yield Sound(IPA.get(letter, letter) + LENGTH * is_long, index if at is None else at)
            at = None
