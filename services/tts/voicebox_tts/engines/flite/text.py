"""What flite is given to say: short pieces of printable ASCII."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from voicebox_tts.engines.latin import printable
from voicebox_tts.text.sentences import sentences

LONGEST_WORD = 40
"""Characters. flite's time grows faster than a word's length: 8,000 letters do not end in 100 s."""
MAX_WORK = 240
"""Letters' worth of work in a piece: about 0.1 s to the first sound in the statistical voices, which plan a piece as a
whole.
"""
CAPITAL_WORK, DIGIT_WORK, SYMBOL_WORK = 3, 4, 6
"""Digits, symbols and most capitals in a row are read as words of their own: 240 digits take 0.3 s to the first
audio.
"""

SIGNS = "$%&@#*+=/"
"""Which it says."""
_LONE_PAUSE = re.compile(r"(?<=\w) {1,4}([,;:.!?]+)(?= |$)")
"""A pause that stands alone is read as a word."""
_SMALL_WORDS = "and but or that which who when where while because if in on at of to with from for by".split()
_BEFORE_SMALL_WORD = re.compile(rf" (?:{'|'.join(_SMALL_WORDS)}) ")
_AFTER_COMMA = re.compile(r"[,:;] ")


@dataclass(frozen=True)
class Piece:
    """What is synthesized at once; `ends_inside` says that its sentence goes on, so that no pause follows."""

    text: str
    ends_inside: bool


def pieces(sentence: str, *, eager: bool) -> Iterator[Piece]:
    """The pieces of a sentence, each of bounded work; eager cuts the first one short, so that audio starts soon.

    Nothing comes of a sentence that holds no letter or digit of flite's alphabet.
    """
    wholes = (whole for part in sentences(clean(sentence)) for whole in re.split(r"(?<=;)\s+", part))
    parts = [part for whole in wholes for part in _bounded(whole)]
    if eager and parts and (cut := _early_cut(parts[0].text)):
        first = parts.pop(0)
        parts[:0] = [Piece(first.text[:cut].strip(), True), Piece(first.text[cut:].strip(), first.ends_inside)]
    return (part for part in parts if re.search(r"[A-Za-z0-9]", part.text))


def clean(text: str) -> str:
    """Printable ASCII, accents folded, Greek and Cyrillic in Latin letters, long words cut; other scripts leave
    nothing.
    """
    joined = _LONE_PAUSE.sub(r"\1", printable(text))
    return " ".join(re.sub(rf"(\S{{{LONGEST_WORD}}})(?=\S)", r"\1 ", joined).split())


def _bounded(text: str) -> Iterator[Piece]:
    """Cut at commas, or spaces, where the work grows over MAX_WORK."""
    while (limit := _affordable(text)) < len(text):
        cut = text.rfind(", ", 0, limit) + 1 or text.rfind(" ", 0, limit) + 1 or limit
        yield Piece(text[:cut].strip(), True)
        text = text[cut:].strip()
    yield Piece(text, False)


def _affordable(text: str) -> int:
    """How many characters from the start are MAX_WORK."""
    work = 0
    for index, character in enumerate(text):
        work += _work(character)
        if work > MAX_WORK:
            return index
    return len(text)


def _work(character: str) -> int:
    if character.islower() or character in " ,.'-":
        return 1
    return CAPITAL_WORK if character.isupper() else DIGIT_WORK if character.isdigit() else SYMBOL_WORK


def _early_cut(text: str) -> int:
    """Where the first piece ends: behind a comma or before a small word, after 2 to 6 spaces and with 2 more to come; 0
    for nowhere.
    """
    spots = [match.end() for match in _AFTER_COMMA.finditer(text)] + [
        match.start() + 1 for match in _BEFORE_SMALL_WORD.finditer(text)
    ]
    fit = (spot for spot in spots if 2 <= text.count(" ", 0, spot) <= 6 and text.count(" ", spot) >= 2)
    return max(fit, default=0)
