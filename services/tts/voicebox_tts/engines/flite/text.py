"""What flite is given to say: short pieces of printable ASCII."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from voicebox_tts.normalization.characters import visible, wants_sound, with_few_marks
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

_ASCII = str.maketrans(
    {
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "–": "-",
        "—": ", ",
        "…": "...",
        "⁄": "/",
        "×": " times ",
        "°": " degrees ",
        "£": " pounds ",
    }
    | {
        "€": " euros ",
        "ß": "ss",
        "æ": "ae",
        "Æ": "AE",
        "œ": "oe",
        "Œ": "OE",
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "þ": "th",
    }
)
_LONE_GREEK = re.compile(r"(?<![^\W\d_])[\u0370-\u03ff](?![^\W\d_])")
_LONE_PAUSE = re.compile(r"(?<=\w) {1,4}([,;:.!?]+)(?= |$)")
"""A pause that stands alone is read as a word."""
_GREEK = dict(
    zip("αβγδεζηθικλμνξοπρσςτυφχψω", "a v g d e z i th i k l m n x o p r s s t y f ch ps o".split(), strict=True)
)
_CYRILLIC = dict(
    zip(
        "абвгдежзийклмнопрстуфхцчшщъыьэюяёєіїґљњћџђјѕўў",
        (
            "a b v g d e zh z i y k l m n o p r s t u f kh ts ch sh shch - y - e yu ya "
            "yo ye i yi g lj nj c dz dj j dz w w"
        ).split(),
        strict=True,
    )
)
_SMALL_LATIN = {letter: latin.strip("-") for letter, latin in (_GREEK | _CYRILLIC).items()}
_LATIN = str.maketrans(
    _SMALL_LATIN | {letter.upper(): latin.title() for letter, latin in _SMALL_LATIN.items() if len(letter.upper()) == 1}
)
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
    printable = re.sub(r"[^\x20-\x7e]+", " ", _folded(visible(with_few_marks(text))))
    printable = _LONE_PAUSE.sub(r"\1", printable)
    return " ".join(re.sub(rf"(\S{{{LONGEST_WORD}}})(?=\S)", r"\1 ", printable).split())


def unspoken(text: str) -> str:
    """The characters that `clean` leaves nothing of though a reader would say them: each once, in their order."""
    wanted = dict.fromkeys(
        character for character in text if (not character.isascii() or character in "<>") and wants_sound(character)
    )
    return "".join(character for character in wanted if not re.search(r"[A-Za-z0-9$%&@#*+=/]", _folded(character)))


def transliterated(text: str) -> str:
    """The letters of other scripts that `clean` writes in Latin letters, each once, in their order; not a Greek letter
    that stands alone, which is called by its name.
    """
    if text.isascii():
        return ""
    letters = dict.fromkeys(
        character for character in _LONE_GREEK.sub(" ", unicodedata.normalize("NFKC", text)) if character.isalpha()
    )
    return "".join(
        letter for letter in letters if not unicodedata.name(letter, "").startswith("LATIN") and _is_in_latin(letter)
    )


def _is_in_latin(letter: str) -> bool:
    plain = unicodedata.normalize("NFKD", letter)[0]
    return plain != plain.translate(_LATIN) or letter != letter.translate(_LATIN)


def _folded(text: str) -> str:
    if text.isascii():
        return text
    latin = _LONE_GREEK.sub(_letters_name, unicodedata.normalize("NFKC", text)).translate(_ASCII)
    decomposed = unicodedata.normalize("NFKD", latin)
    folded = "".join(character for character in decomposed if not unicodedata.combining(character))
    return folded.translate(_LATIN)


def _letters_name(letter: re.Match[str]) -> str:
    """What a Greek letter that stands alone is called: a sign of science, not a word."""
    return unicodedata.name(letter[0], "").rpartition("LETTER ")[2].partition(" ")[0].lower() or letter[0]


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
