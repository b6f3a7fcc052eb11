"""Compatibility forms, invisible characters and pictures."""

import re
import unicodedata
from functools import lru_cache

MAX_NAMED = 20

_SPOKEN_PUNCTUATION = frozenset("§¶†‡•‰‱※&@#%*\\/")
_PICTURES = frozenset({"So", "Sk", "Co", "Cn", "Cs"})
_OWN_FORMS = {
    "‐": "-",
    "‑": "-",
    "㎟": "mm²",
    "㎠": "cm²",
    "㎡": "m²",
    "㎢": "km²",
    "㎣": "mm³",
    "㎤": "cm³",
    "㎥": "m³",
    "㎦": "km³",
    "№": "№",
}
_JOINERS = "\u200c\u200d"
"""They shape Arabic, Indic and emoji; elsewhere they are invisible."""
_ALIKE = frozenset(
    {
        "<wide>",
        "<narrow>",
        "<font>",
        "<circle>",
        "<square>",
        "<compat>",
        "<initial>",
        "<medial>",
        "<final>",
        "<isolated>",
    }
)
_SMALL_CAPITAL = re.compile(r"LATIN LETTER SMALL CAPITAL ([A-Z])")
_IGNORABLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0") | {chr(code) for code in range(0xFE00, 0xFE10)}


def visible(text: str) -> str:
    """The text without invisible characters: soft hyphens, zero widths, marks of direction, selectors. Words stay in
    one piece.
    """
    if text.isascii():
        return text
    return "".join(character for index, character in enumerate(text) if not _is_invisible(text, index, character))


def plain(text: str) -> str:
    """Letters, digits and signs in their ordinary form: fullwidth, mathematical, small capitals, ligatures, circled.
    Punctuation stays: it has a meaning in its own script.
    """
    return text if text.isascii() else "".join(map(_plain, text))


def wants_sound(character: str) -> bool:
    """Whether a reader says something for it: letters, digits, signs and pictures, and not punctuation and spaces."""
    category = unicodedata.category(character)
    return category[0] in "LNS" or category in ("Co", "Cn") or character in _SPOKEN_PUNCTUATION


def without_pictures(text: str) -> str:
    """The text with a space for each picture: an emoji, a private or an unassigned character. The rest of it is
    visible.
    """
    return "".join(" " if unicodedata.category(character) in _PICTURES else character for character in visible(text))


def pictures(text: str) -> str:
    """The characters that `without_pictures` leaves out: each once, in their order."""
    return "".join(
        dict.fromkeys(each for each in text if unicodedata.category(each) in _PICTURES and wants_sound(each))
    )


def named(characters: str) -> str:
    """Characters as they are named in a sentence: each with its code point."""
    listed = ", ".join(f"{character} (U+{ord(character):04X})" for character in characters[:MAX_NAMED])
    return listed + (f" and {len(characters) - MAX_NAMED} more" if len(characters) > MAX_NAMED else "")


def _is_invisible(text: str, index: int, character: str) -> bool:
    if character in _JOINERS:
        before = text[index - 1 : index]
        return not ("\u0590" <= before <= "\u109f" or before > "\u2100")
    return character in _IGNORABLE or unicodedata.category(character) == "Cf"


@lru_cache(maxsize=4096)
def _plain(character: str) -> str:
    if character in _OWN_FORMS:
        return _OWN_FORMS[character]
    tag, category = unicodedata.decomposition(character).partition(" ")[0], unicodedata.category(character)
    is_alike = tag in _ALIKE and (category[0] not in "PZ" or character in "％＆＠＃＊／＼")
    if small := _SMALL_CAPITAL.fullmatch(unicodedata.name(character, "")):
        return small[1].lower()
    is_raised_letter = tag in ("<super>", "<sub>") and category in ("Lm", "Ll")
    return unicodedata.normalize("NFKC", character) if is_alike or is_raised_letter else character
