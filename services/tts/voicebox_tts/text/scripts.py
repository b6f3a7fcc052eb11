"""The script of a text, and the languages that are written in it."""

import unicodedata
from collections import Counter
from collections.abc import Sequence

_LANGUAGES = {
    "ARABIC": "ar fa ur azb ckb ks ku ps sd ug",
    "ARMENIAN": "hy hyw",
    "BENGALI": "bn as bpy",
    "CJK": "zh cmn yue hak ja nan wuu",
    "CYRILLIC": "ru uk bg sr be mk kk ab az ba chv cv kaa ky mn nog os tg tk tt uz",
    "DEVANAGARI": "hi mr ne bho kok mai sa",
    "ETHIOPIC": "am ti",
    "GEORGIAN": "ka xmf",
    "GREEK": "el grc",
    "GUJARATI": "gu",
    "GURMUKHI": "pa",
    "HANGUL": "ko",
    "HEBREW": "he yi",
    "HIRAGANA": "ja",
    "KANNADA": "kn",
    "KATAKANA": "ja",
    "KHMER": "km",
    "LAO": "lo",
    "MALAYALAM": "ml",
    "MYANMAR": "my shn",
    "ORIYA": "or",
    "SINHALA": "si",
    "TAMIL": "ta",
    "TELUGU": "te",
    "THAI": "th",
    "TIBETAN": "bo dz",
}
"""Of each script but the Latin one; where there are several, that of the most people first."""
_BY_SCRIPT = {name: codes.split() for name, codes in _LANGUAGES.items()}
_ALSO_LATIN = frozenset("az kaa ku nog sr tk tt ug uz".split())
_OTHER = frozenset(code for codes in _BY_SCRIPT.values() for code in codes) - _ALSO_LATIN
LATIN = "LATIN"
MOST_LOOKED_AT = 1_000
"""Characters of a text whose scripts are counted."""


def script(text: str) -> str:
    """The script of most letters: LATIN, or a name of Unicode's such as CYRILLIC. Japanese is HIRAGANA as soon as it
    has kana. Empty where there are no letters; a Greek letter that stands alone is a sign.
    """
    looked_at = unicodedata.normalize("NFKC", text[:MOST_LOOKED_AT])  # fullwidth and mathematical letters are Latin
    words = "".join(each if each.isalpha() or unicodedata.category(each)[0] == "M" else " " for each in looked_at)
    counted = Counter(_script(each) for word in words.split() for each in word if not _is_sign(word))
    if not counted:
        return ""
    name = counted.most_common(1)[0][0]
    return "HIRAGANA" if name == "CJK" and counted["HIRAGANA"] + counted["KATAKANA"] else name


def in_script(languages: Sequence[str], name: str) -> list[str]:
    """Those of the languages, by their primary subtags, that are written in a script. Of a script but the Latin one the
    most usual is first; in one that is not known here none is written.
    """
    if name == LATIN:
        return [code for code in languages if code not in _OTHER]
    return [code for code in _BY_SCRIPT.get(name, ()) if code in languages]


def _is_sign(word: str) -> bool:
    return len(word) == 1 and _script(word) == "GREEK"


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]
