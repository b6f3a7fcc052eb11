"""How English words are said: the package's own rules, lexicon and networks, and what belongs to which word."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from hibari.g2p import G2P

from voicebox_tts.engine import GivenPhonemes
from voicebox_tts.engines.kokoro_letters import letters
from voicebox_tts.text.given import number_of, placeholder

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
    """A piece of text as the network reads it: numbers of the vocabulary, with PAD at both ends.

    `ipa` has a space between words; `unknown` are given phonemes that the vocabulary has no letter for.
    """

    ids: tuple[int, ...]
    words: tuple[SpokenWord, ...]
    sounds: tuple[Sound, ...]
    ipa: str = ""
    unknown: str = ""


class Pronunciation:
    """Reads English. Thread-safe: it only looks things up."""

    def __init__(self, *, british: bool) -> None:
        """Raises StartError when one of the package's files is not what was published."""
        for file in (*READING, *(BRITISH if british else AMERICAN)):
            file.read()
        self._vocabulary: dict[str, int] = json.loads(VOCABULARY.read())
        self._reader, self._british = G2P(british=british), british
        _ = self._reader.oov  # loaded now, and not by the first caller whose text has an unknown word

    def pronounce(self, text: str, given: Sequence[GivenPhonemes] = ()) -> Pronounced:
        """A text in printable ASCII, with dashes and ellipses; `given` is what its placeholders stand for."""
        ids, words, sounds, ipa = [PAD], list[SpokenWord](), list[Sound](), list[str]()
        tokens, unknown = self._read(text, given)
        for token in _joined(tokens):
            begin = len(ids)
            said = [letter for letter in token.phonemes if letter in self._vocabulary]
            ipa += [IPA.get(letter, letter) for letter in said if letter not in PUNCTUATION]
            sounds.extend(_sounds(said, begin))
            ids.extend(self._vocabulary[letter] for letter in said)
            if token.is_word and len(ids) > begin:
                words.append(SpokenWord(token.word, begin, len(ids)))
            if token.space_follows:
                ids.append(self._vocabulary[" "])
                ipa.append(" ")
        while len(ids) > 1 and ids[-1] == self._vocabulary[" "]:
            ids.pop()
        return Pronounced((*ids, PAD), tuple(words), tuple(sounds), " ".join("".join(ipa).split()), unknown)

    def _read(self, text: str, given: Sequence[GivenPhonemes]) -> "tuple[list[_Token], str]":
        """The tokens of a text, and the given phonemes that have no letter."""
        linked = "".join(
            f"[{placeholder(number)}](/ə/)" if (number := number_of(each)) is not None else each for each in text
        )
        tokens, unknown = list[_Token](), dict[str, None]()
        for each in self._reader.phonemize_tokens(self._reader.tokenize(linked)):
            token = _Token(each.text, each.phonemes or "", bool(each.whitespace))
            if (number := number_of(token.text)) is not None:
                said = letters(given[number].ipa, is_english=True, has_length=self._british)
                unknown |= dict.fromkeys(letter for letter in said if letter not in self._vocabulary)
                token = replace(token, text=given[number].text, phonemes=said)
            tokens.append(token)
        return tokens, "".join(unknown)


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


def _joined(tokens: Iterable[_Token]) -> Iterator[_Token]:
    """The reader's tokens, with those joined that are one word."""
    last: _Token | None = None
    for token in tokens:
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
