"""What hibari is given to say: pieces of a sentence, each of bounded work."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from voicebox_tts.engines.latin import printable
from voicebox_tts.text.given import OURS, has_placeholder
from voicebox_tts.text.sentences import sentences

SIGNS = "$%&@#*+=/<>~^"
"""Which it says."""
LONGEST_WORD = 24
"""Letters, which the network for unknown words reads."""
LONGEST_NUMBER = 12
"""Digits. Longer ones are read digit by digit."""
MAX_WORK, EAGER_WORK = 240, 80
"""Letters' worth of work in a piece, and in a stream's first one where a clause ends so soon: 240 are about 15 s of
audio, and take a fifth as long to their first sound as they take in all.
"""
MAX_SPELLED = "\uffff"
"""What is beyond stands for one given phoneme."""
CAPITAL_WORK, DIGIT_WORK, SIGN_WORK = 3, 5, 6
"""Digits, signs and most capitals in a row are read as words of their own."""

_PAUSES = re.compile(rf"([—…]|[{OURS}]+)")
"""These, and given phonemes, the voice knows by themselves; others are written in ASCII."""
_BRACKETS = str.maketrans("[]{}", "()()")
"""Square ones would begin a pronunciation, `[word](/phonemes/)`."""
_LONG_WORD = re.compile(rf"([A-Za-z]{{{LONGEST_WORD}}})(?=[A-Za-z])")
_LONG_NUMBER = re.compile(rf"\d{{{LONGEST_NUMBER + 1},}}")
_CLAUSE_END = re.compile(r"[,;:—…] ")


@dataclass(frozen=True)
class Piece:
    """What is synthesized at once; `ends_inside` says that its sentence goes on, so that no long pause follows."""

    text: str
    ends_inside: bool


def pieces(sentence: str, *, eager: bool) -> Iterator[Piece]:
    """The pieces of a sentence; `eager` ends the first with an early clause. None of one without a letter or digit."""
    for part in sentences(clean(sentence)):
        for piece in _bounded(part, EAGER_WORK if eager else MAX_WORK):
            if re.search(r"[A-Za-z0-9]", piece.text) or has_placeholder(piece.text):
                yield piece
                eager = False


def clean(text: str) -> str:
    """Printable ASCII, dashes, ellipses and placeholders, with long words and numbers cut; other scripts leave
    nothing.
    """
    latin = "".join(map(_clean, _PAUSES.split(text)))
    words = _LONG_WORD.sub(r"\1 ", _LONG_NUMBER.sub(lambda digits: " ".join(digits[0]), latin))
    return " ".join(words.split())


def _clean(part: str) -> str:
    if has_placeholder(part):
        return part
    return f"{part} " if _PAUSES.fullmatch(part) else printable(part).translate(_BRACKETS)


def _bounded(text: str, first_work: int) -> Iterator[Piece]:
    """Cut at the last clause's end, else a space, within MAX_WORK; at first within `first_work`, if a clause ends in
    it.
    """
    if early := _last_clause_end(text, _affordable(text, first_work)):
        yield Piece(text[:early].strip(), True)
        text = text[early:]
    while (limit := _affordable(text, MAX_WORK)) < len(text):
        cut = _last_clause_end(text, limit) or text.rfind(" ", 0, limit) + 1 or limit
        yield Piece(text[:cut].strip(), True)
        text = text[cut:].strip()
    yield Piece(text, False)


def _last_clause_end(text: str, limit: int) -> int:
    """0 for nowhere, or where nothing is cut."""
    return max((match.end() for match in _CLAUSE_END.finditer(text, 0, limit)), default=0) if limit < len(text) else 0


def _affordable(text: str, most: int) -> int:
    """How many characters from the start are so much work."""
    work = 0
    for index, character in enumerate(text):
        work += _work(character)
        if work > most:
            return index
    return len(text)


def _work(character: str) -> int:
    if character.islower() or character in " ,.'-" or character > MAX_SPELLED:
        return 1
    return CAPITAL_WORK if character.isupper() else DIGIT_WORK if character.isdigit() else SIGN_WORK
