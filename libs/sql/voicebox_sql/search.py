"""The words of texts and of searches: every database indexes and looks for these same tokens, and so finds the same.

A token is a word without case, diacritics and strokes (`Łódź` is `lodz`), or a symbol such as an emoji or €. Where
words stand together without a space, as in `well-known` or `21.5`, each two neighbours are a token too, so that
`well-known` is not found in `known-well`. Chinese, Japanese, Thai, Lao, Khmer and Burmese write no spaces: each of
their letters counts as a word there, and so do each two neighbours.
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from itertools import pairwise

from voicebox_kit.combining_marks import with_few_marks
from voicebox_kit.errors import InvalidField

MAX_CHARACTERS = 500
MAX_TERMS = 64
LONGEST_TOKEN = 64
"""Characters; the rest of a longer word is not looked at."""
MAX_BYTES = 900_000
"""Of one text's tokens: PostgreSQL holds 1 MiB. The 100,000 different letters and pairs of an unspaced book have 700
kB.
"""
RELEVANCE_CLASSES = range(1, 14)

# Neither is part of a word, and every tokenizer takes both for letters.
_JOINT = "·"
_SCOPE = "§"

_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
# Accents of Latin, Greek and Cyrillic, the points of Hebrew, the vowels of Arabic. The vowel signs of Indian scripts
# are letters.
_DIACRITICS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670]")
# Soft hyphens and joiners stand inside words; variation selectors and skin tones change how a symbol looks.
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U0001f3fb-\U0001f3ff\U000e0000-\U000e01ef]"
)
_SPELLED_OUT = {"æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ı": "i", "ȷ": "j", "ŋ": "n", "ĸ": "k", "ə": "e"}
"""Letters that people write so when their keyboard lacks them."""
_BREAK = "\0"  # no text has it


def tokens_of(text: str) -> list[str]:
    """All tokens of a text, each once; the first one is its relevance class."""
    runs = list(_runs(text))
    found = {relevance_token(_relevance_class(runs)): None}
    budget = MAX_BYTES
    for token in (token for run in runs for token in (*run, *_pairs(run))):
        if token not in found:
            found[token] = None
            budget -= len(token.encode())
            if budget < 0:
                break
    return list(found)


def terms_of(search: str) -> tuple[str, ...]:
    """The tokens that a text must all have, the last of them perhaps only begun. InvalidField("search") when there are
    too many.
    """
    if len(search) > MAX_CHARACTERS or "\0" in search:
        raise InvalidField("search", f"search must have at most {MAX_CHARACTERS} characters, and no NUL.")
    terms = [term for run in _runs(search) for term in (_pairs(run) or run)]
    if not terms and search.strip():
        raise InvalidField(
            "search", "search must have a letter, a digit or a symbol: punctuation is not indexed.", "SEARCH_EMPTY"
        )
    if len(terms) > MAX_TERMS:
        raise InvalidField("search", f"search must have at most {MAX_TERMS} words.")
    return tuple(terms)


def relevance_class(text: str) -> int:
    """How much of a text one found word is, in classes of a factor of two: 1 when it is all of it, 2 for a half or a
    third, and so on.
    """
    return _relevance_class(_runs(text))


def relevance_token(number: int) -> str:
    """The token of all texts of a relevance class."""
    return f"{_SCOPE}{number}"


@lru_cache(maxsize=4096)
def scope_token(*parts: str | int) -> str:
    """One token that stands for these parts, whatever characters they have; no word is like it."""
    return _SCOPE + hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:20]


def class_of(tokens: Collection[str]) -> int:
    """The relevance class among a text's tokens."""
    return next(number for number in RELEVANCE_CLASSES if relevance_token(number) in tokens)


def is_word(token: str) -> bool:
    """Whether it is from a text, not a token of ours."""
    return not token.startswith(_SCOPE)


def _relevance_class(runs: Iterable[list[str]]) -> int:
    words = sum(map(len, runs))
    return min(max(words.bit_length(), RELEVANCE_CLASSES[0]), RELEVANCE_CLASSES[-1])


def _runs(text: str) -> Iterator[list[str]]:
    """The words between two spaces: mostly one."""
    for run in _normal(text).translate(_SIGNS).split(" "):
        words = [word[:LONGEST_TOKEN] for word in run.split(_BREAK) if word]
        if words:
            yield words


def _pairs(run: list[str]) -> list[str]:
    return [f"{first}{_JOINT}{second}" for first, second in pairwise(run)]


def _normal(text: str) -> str:
    if text.isascii():
        return text.lower()
    return unicodedata.normalize(
        "NFC", _DIACRITICS.sub("", unicodedata.normalize("NFKD", with_few_marks(text)).casefold())
    )


class _Signs:
    """What each character becomes: itself, a space, a break between words of one run, or nothing."""

    def __getitem__(self, point: int) -> str:
        return _sign(point)


@lru_cache(maxsize=1 << 16)
def _sign(point: int) -> str:
    character = chr(point)
    category = unicodedata.category(character)
    if character.isspace():
        return " "
    if _UNSPACED.match(character) or (category in ("So", "Sc") and not character.isascii()):
        return f"{_BREAK}{character}{_BREAK}"
    if _INVISIBLE.match(character):
        return ""
    if category[0] in "LNM" or category == "Co":
        return _base_letters(character)
    return _BREAK


def _base_letters(letter: str) -> str:
    """A letter without its stroke, hook or tail: Unicode has no decomposition for these, but its names say what they
    are.
    """
    if letter in _SPELLED_OUT:
        return _SPELLED_OUT[letter]
    script, _, name = unicodedata.name(letter, "").partition(" ")
    base, modified, _ = name.partition(" WITH ")
    if not modified or script not in ("LATIN", "CYRILLIC", "GREEK"):
        return letter
    try:
        return unicodedata.lookup(f"{script} {base}")
    except KeyError:
        return letter


_SIGNS = _Signs()
