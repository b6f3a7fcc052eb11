"""The letters with which Kokoro, and voices that are distilled from it, write phonemes."""

import re

LETTERS = {
    "aɪ": "I",
    "aʊ": "W",
    "dz": "ʣ",
    "dʑ": "ʥ",
    "dʒ": "ʤ",
    "eɪ": "A",
    "oʊ": "O",
    "ts": "ʦ",
    "tɕ": "ʨ",
    "tʃ": "ʧ",
    "əʊ": "Q",
    "ɔɪ": "Y",
}
"""What they have a letter of its own for: https://github.com/hexgrad/misaki, by which Kokoro was trained."""
_OTHER_FORMS = {
    "l\u0329": "ᵊl",
    "m\u0329": "ᵊm",
    "n\u0329": "ᵊn",
    "ɚ": "əɹ",
    "ɝ": "ɜɹ",
    "ɫ": "l",
    "ɩ": "ɪ",
    "ɷ": "ʊ",
}
_ENGLISH = {"r": "ɹ", "ɾ": "T"}
_JOINED = re.compile("[\u0361\u035c.|‖‿]")
"""Ties within a phoneme, and borders of syllables, for which there are no letters."""


def letters(ipa: str, *, is_english: bool = False, has_length: bool = True) -> str:
    """Phonemes in IPA as they write them; what they have no letter for stays as it is."""
    written = _JOINED.sub("", ipa)
    for forms in (_OTHER_FORMS, LETTERS, _ENGLISH if is_english else {}, {} if has_length else {"ː": ""}):
        for phoneme, letter in forms.items():
            written = written.replace(phoneme, letter)
    return written


def to_ipa(written: str) -> str:
    """Their letters in IPA."""
    for phoneme, letter in LETTERS.items():
        written = written.replace(letter, phoneme)
    return written
