"""The symbols of the International Phonetic Alphabet.

https://www.internationalphoneticassociation.org/content/full-ipa-chart
"""

import unicodedata

LETTERS = frozenset(
    "abcdefghijklmnopqrstuvwxyz"
    "æçðøħŋœβθχ"
    "ɐɑɒɓɔɕɖɗɘəɚɛɜɝɞɟɠɡɢɣɤɥɦɧɨɩɪɫɬɭɮɯɰɱɲɳɴɵɶɷɸɹɺɻɼɽɾɿʀʁʂʃʄʅʆʇʈʉʊʋʌʍʎʏʐʑʒʓʔʕʖʗʘʙʚʛʜʝʞʟʠʡʢʣʤʥʦʧʨ"
    "ǀǁǂǃⱱᵻᵿꭧ"
)
MODIFIERS = frozenset("ʰʱʲʳʴʵʶʷˠˤʼⁿˡᵊᵝ˞")
SUPRASEGMENTALS = frozenset("ˈˌːˑ.|‖‿˥˦˧˨˩ꜛꜜ↑↓↗↘ ")
MARKS = frozenset(map(chr, range(0x0300, 0x0370)))
"""Diacritics above, below and between letters."""
_SAME = str.maketrans({"g": "ɡ", "'": "ˈ", ":": "ː", "ʹ": "ˈ", "\u2009": " "})
"""What is typed in place of a symbol."""


def normalized(phonemes: str) -> str:
    """Phonemes with single spaces, NFD, and the symbols themselves where others are typed in their place."""
    return " ".join(unicodedata.normalize("NFD", phonemes).replace("c\u0327", "ç").translate(_SAME).split())


def unknown(phonemes: str) -> str:
    """The characters of normalised phonemes that are no symbols of IPA: each once, in order."""
    known = LETTERS | MODIFIERS | SUPRASEGMENTALS | MARKS
    return "".join(dict.fromkeys(each for each in phonemes if each not in known))


def has_sound(phonemes: str) -> bool:
    """Whether a letter is among them."""
    return not LETTERS.isdisjoint(phonemes)
