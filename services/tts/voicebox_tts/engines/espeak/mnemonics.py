"""Phonemes in IPA by the names that espeak-ng has for them, which are not the same in each of its languages.

A voice is asked how each name sounds, so that what it has no name for is known.
"""

from collections.abc import Mapping, Sequence

_CONSONANTS = (
    "p b t d k g m n N f v T D s z S Z h x C l r j w tS dZ ts dz ? R Q X B G J c q n^ l^ t. d. s. n. l. pF pf tS; dZ; "
    's; z; S; t; d; n; l; r; * t# l# l" H P S^'
).split()
_VOWELS = (
    'i I e E a A O o U u y Y W V @ 3 V" i" u" & E2 I2 i: e: E: a: A: O: o: u: y: Y: W: 3: @: aa 0 O2 0# a# @- eI aI OI '
    "oU aU @U i@ e@ U@ o@ A@ aI@ aU@ e~ E~ a~ A~ O~ o~ W~"
).split()
_NAMES = (*_CONSONANTS, *_VOWELS)
"""What many of its languages have names for."""
_AFTER_CONSONANT, _AFTER_VOWEL = "@", "k@"
"""What follows a name when its sound is tried: at the end of a word some sound otherwise."""
TRIALS = (
    f"[[{_AFTER_CONSONANT}]]",
    f"[[{_AFTER_VOWEL}]]",
    *(f"[[{name}{_AFTER_CONSONANT}]]" for name in _CONSONANTS),
    *(f"[[{name}{_AFTER_VOWEL}]]" for name in _VOWELS),
)
"""Texts whose IPA says how the names of a voice sound."""
_SIGNS = {"ˈ": "'", "ˌ": ",", "ː": ":", " ": "||"}
_IN_PLACE = {
    **{
        "ɹ": "r",
        "r": "r",
        "ɾ": "r",
        "ʁ": "r",
        "ɫ": "l",
        "ɡ": "g",
        "ɚ": "@r",
        "ɝ": "3:r",
        "ɒ": "0",
        "ɜ": "3:",
        "ʌ": "V",
    },
    **{"ɑ": "A:", "ɔ": "O:", "i": "i:", "u": "u:", "e": "eI", "o": "oU", "a": "a", "æ": "a", "ɛ": "E", "ɐ": "@"},
    **{"ɪ": "I", "ʊ": "U", "ə": "@"},
}
"""The nearest name of a phoneme that a voice has no name for: its own r, and vowels of another length."""
_UNWRITTEN = frozenset("\u0361\u035c\u032f.|‖‿")
_LONGEST = 5


class Mnemonics:
    """The names of one voice."""

    def __init__(self, trials: Sequence[str]) -> None:
        """`trials` is the IPA of each of TRIALS."""
        bare = [trial.translate({ord(sign): None for sign in "ˈˌ "}) for trial in trials]
        ends = [bare[0]] * len(_CONSONANTS) + [bare[1]] * len(_VOWELS)
        sounds = [
            trial.removesuffix(end) if trial.endswith(end) else "" for trial, end in zip(bare[2:], ends, strict=True)
        ]
        self._names: Mapping[str, str] = {
            sound: name for sound, name in reversed([*zip(sounds, _NAMES, strict=True)]) if sound
        }

    def written(self, ipa: str) -> tuple[str, str]:
        """The names of phonemes in espeak-ng's brackets, and the phonemes that it has no name for."""
        names, unknown, at = list[str](), dict[str, None](), 0
        while at < len(ipa):
            found = next((each for end in range(_LONGEST, 0, -1) if (each := ipa[at : at + end]) in self._names), "")
            name = self._names.get(found) or _SIGNS.get(ipa[at]) or _IN_PLACE.get(ipa[at], "")
            if not name and ipa[at] not in _UNWRITTEN:
                unknown[ipa[at]] = None
            names.append(name)
            at += max(len(found), 1)
        return f"[[{''.join(names)}]]", "".join(unknown)
