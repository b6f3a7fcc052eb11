"""Prepares a sentence for an engine: what is written becomes what is said."""

from collections.abc import Callable
from dataclasses import dataclass, field

from voicebox_kit import languages

from .abbreviations import abbreviations
from .addresses import with_spoken_addresses
from .characters import pictures, plain, visible, with_few_marks
from .language import CODES, Language, language
from .markup import unmarked
from .quantities import quantities
from .signs import english_forms, with_spoken_signs


@dataclass
class Preparation:
    """The preparation of one utterance. `warnings` are sentences on what is not read.

    `reads_itself` says that the engine reads numbers, signs and abbreviations well: it is given ordinary characters
    without marks. So is an engine of a language that is not one of CODES.
    """

    language: str
    reads_itself: bool = False
    warnings: list[str] = field(default_factory=list)

    def prepare(self, sentence: str) -> str:
        """What the engine is given to say; empty when nothing of the sentence is said."""
        text = unmarked(plain(with_few_marks(visible(sentence))))
        primary = languages.primary(self.language)
        if primary not in CODES:
            return text
        return (
            _with_named_pictures(text, language(primary))
            if self.reads_itself
            else _in_words(text, language(primary), self._warn)
        )

    def _warn(self, sentence: str) -> None:
        if sentence not in self.warnings:
            self.warnings.append(sentence)


def _with_named_pictures(text: str, own: Language) -> str:
    """Degrees, copyright and the like in words: such an engine takes them for pictures."""
    named = [sign for sign in pictures(text) if sign in own.signs]
    for sign in named:
        text = text.replace(sign, f" {own.signs[sign]} ")
    return " ".join(text.split()) if named else text


def _in_words(text: str, own: Language, warn: Callable[[str], None]) -> str:
    text = with_spoken_addresses(text, own.addresses, warn)
    if own.is_english:
        text = english_forms(text)
    return with_spoken_signs(abbreviations(own).spoken(quantities(own).spoken(text)), own)
