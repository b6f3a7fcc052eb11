"""A text with given phonemes as espeak-ng reads it: their names stand in double brackets."""

from collections.abc import Sequence
from dataclasses import dataclass

from voicebox_tts.engine import GivenPhonemes
from voicebox_tts.text.given import split

from .mnemonics import Mnemonics
from .words import Written, words_of


@dataclass(frozen=True)
class NamedPhonemes:
    """The text, its words with their places in it, and phonemes that the voice has no name for."""

    text: str
    words: list[Written]
    unknown: str = ""


def named_phonemes(text: str, given: Sequence[GivenPhonemes], mnemonics: Mnemonics) -> NamedPhonemes:
    """A text with names for its placeholders, which stand for `given`. Brackets of its own are none of espeak-ng's."""
    made, words, unknown = "", list[Written](), dict[str, None]()
    for stretch in split(text, given):
        if isinstance(stretch, GivenPhonemes):
            names, missing = mnemonics.written(stretch.ipa)
            words.append(Written(stretch.text, len(made)))
            unknown |= dict.fromkeys(missing)
            made += names
        else:
            plain = stretch.replace("[", "(").replace("]", ")")
            words += [Written(word.text, word.begin + len(made)) for word in words_of(plain)]
            made += plain
    return NamedPhonemes(made, words, "".join(unknown))
