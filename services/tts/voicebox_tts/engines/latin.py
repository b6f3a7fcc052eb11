"""Text in Latin letters, for engines that know no others: accents folded, Greek and Cyrillic transliterated."""

import re
import string
import unicodedata

from voicebox_kit.combining_marks import with_few_marks

from voicebox_tts.normalization.characters import visible, wants_sound

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


def printable(text: str) -> str:
    """Printable ASCII: accents folded, Greek and Cyrillic in Latin letters; other scripts leave a space."""
    return re.sub(r"[^\x20-\x7e]+", " ", _folded(visible(with_few_marks(text))))


def unspoken(text: str, signs: str) -> str:
    """The characters that `printable` leaves nothing of though a reader would say them: each once, in their order.

    `signs` are the ASCII signs that the engine says.
    """
    said = frozenset(string.ascii_letters + string.digits + signs)
    wanted = dict.fromkeys(
        character for character in text if (not character.isascii() or character in "<>") and wants_sound(character)
    )
    return "".join(character for character in wanted if said.isdisjoint(_folded(character)))


def transliterated(text: str) -> str:
    """The letters of other scripts that `printable` writes in Latin letters, each once, in their order; not a Greek
    letter that stands alone, which is called by its name.
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
