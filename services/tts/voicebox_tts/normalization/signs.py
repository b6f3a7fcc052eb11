"""Signs that stand alone, in the words of a language."""

import re

from .english_numbers import with_english_numbers
from .language import Language

_ASCII_PAIRS = {
    "<=": "≤",
    ">=": "≥",
    "!=": "≠",
    "==": "=",
    "->": "→",
    "=>": "→",
    "<-": "←",
    "+-": "±",
    "+/-": "±",
    "~=": "≈",
    "&&": "&",
}
_PAIR = re.compile("|".join(re.escape(pair) for pair in sorted(_ASCII_PAIRS, key=len, reverse=True)))
_STAR = re.compile(r"(?<=[\w)])\s?\*\s?(?=[\w(])|\*")
_HASH = re.compile(r"#(?=\d)|(?<=\b[A-Z])#|#")
_BRACKETS = str.maketrans("[]{}", "()()")
_BARS = re.compile(r"\s*[|¦]\s*")
_SPECIAL = frozenset("*#~|^")
_MONTHS = "January February March April May June July August September October November December".split()
_YEAR = re.compile(
    rf"\b((?:in|since|until|till|by|from|of|year|before|after|during|{'|'.join(_MONTHS)}|\d,)\s)20([1-9]\d)(?![\w,:%-]|\.\d)",
    re.IGNORECASE,
)
_SIZES = re.compile(r"(?<=\d)\s?x\s?(?=\d)")
_DOTTED_NUMBER = re.compile(r"(?<![\w.])\d{1,9}(?:\.\d{1,9}){2,8}(?![\w.]\w)")
_BARE_POINT = re.compile(r"(?<![\w.])\.(?=\d)")
_DOTTED_WORD = re.compile(r"(?<=[A-Za-z0-9]{2})\.(?=[a-z]{2})")
_MISSING_SPACE = re.compile(r"(?<=[a-z]{2})([.!?])(?=[A-Z][a-z])")
_SNAKE = re.compile(r"(?<=\w)_+(?=\w)|_+")


def with_spoken_signs(sentence: str, language: Language) -> str:
    """The sentence with its signs in words. Punctuation stays."""
    sentence = _PAIR.sub(lambda pair: _ASCII_PAIRS[pair[0]], sentence)
    sentence = _SNAKE.sub(" ", _BARS.sub(", ", sentence.translate(_BRACKETS)))
    if language.is_english:
        sentence = _in_english(sentence, language)
    return _spaced(
        "".join(
            f" {language.signs[sign]} " if sign in language.signs and sign not in _SPECIAL else sign
            for sign in sentence
        )
    )


def english_forms(sentence: str) -> str:
    """Years, times, Roman numerals, sizes and dotted words as English reads them."""
    sentence = with_english_numbers(_YEAR.sub(r"\g<1>20 \2", sentence))
    sentence = _DOTTED_NUMBER.sub(lambda number: number[0].replace(".", " point "), sentence)
    sentence = _BARE_POINT.sub("0.", _MISSING_SPACE.sub(r"\1 ", sentence))
    return _DOTTED_WORD.sub(" dot ", sentence)


def _in_english(sentence: str, language: Language) -> str:
    sentence = _SIZES.sub(" by ", sentence) if "x" in sentence else sentence
    sentence = _STAR.sub(
        lambda star: " times " if (star.start() and star[0] != "*") or _is_between(star) else " ", sentence
    )
    sentence = (
        re.sub(r"~(?=\s?\d)", f" {language.signs['~']} ", sentence).replace("~", " tilde ").replace("^", " caret ")
    )
    sentence = re.sub(r"#(?=\d)", "number ", re.sub(r"(?<=\b[A-Z])#", " sharp ", sentence)).replace("#", " hash ")
    for sign, forms in language.currencies.items():
        if len(sign) == 1 and sign in sentence:
            sentence = sentence.replace(sign, f" {forms[0]} ")
    return sentence


def _is_between(star: re.Match[str]) -> bool:
    """Whether it stands between two operands."""
    text = star.string
    return text[: star.start()].rstrip()[-1:].isalnum() and text[star.end() :].lstrip()[:1].isalnum()


def _spaced(sentence: str) -> str:
    """One space between words, and none before a comma or stop."""
    return re.sub(r"\s+([,.;:!?])(?=\s|$)", r"\1", " ".join(sentence.split()))
