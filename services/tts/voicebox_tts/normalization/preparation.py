"""Normalises the sentences of an utterance for an engine."""

from collections.abc import Callable
from dataclasses import dataclass, field

from voicebox_kit import languages
from voicebox_kit.combining_marks import with_few_marks

from .abbreviations import abbreviations
from .addresses import with_spoken_addresses
from .characters import pictures, plain, visible
from .emoji import with_named_emoji
from .figures import figures
from .hidden import HiddenParts
from .language import CODES, Language, language
from .markup import enumerated, holds_ssml, unmarked
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
    _hidden: HiddenParts = field(default_factory=HiddenParts, init=False)

    def prepare(self, sentence: str) -> str:
        """The sentence as the engine gets it; empty when there is nothing to say."""
        primary = languages.primary(self.language)
        shown = self._hidden.without(sentence)
        if holds_ssml(shown):
            self._warn("The text holds tags of SSML: they are followed only in `ssml`, and are left out here.")
        for name in self._hidden.names:
            self._warn(f"What a {name} of the page holds is not read.")
        text = plain(with_few_marks(visible(unmarked(plain(with_few_marks(visible(shown)))))))
        text = enumerated(text, is_ordinal=primary == "de")
        if primary not in CODES:
            return with_named_emoji(text, primary, ())
        text = with_named_emoji(text, primary, language(primary).signs)
        if self.reads_itself and any(map(str.isalnum, text)):  # signs alone it may pass over
            return _with_named_pictures(text, language(primary))
        return _in_words(text, language(primary), self._warn, is_day_first=not _is_american(self.language))

    def _warn(self, sentence: str) -> None:
        if sentence not in self.warnings:
            self.warnings.append(sentence)


def _is_american(tag: str) -> bool:
    """Whether a date begins with the month: in English of the United States, which English of no region is taken
    for.
    """
    return tag.lower() in ("en", "en-us")


def _with_named_pictures(text: str, own: Language) -> str:
    """Degrees, copyright and the like in words: such an engine takes them for pictures."""
    named = [sign for sign in pictures(text) if sign in own.signs]
    for sign in named:
        text = text.replace(sign, f" {own.signs[sign]} ")
    return " ".join(text.split()) if named else text


def _in_words(text: str, own: Language, warn: Callable[[str], None], *, is_day_first: bool) -> str:
    text = figures(own, is_day_first=is_day_first).spoken(with_spoken_addresses(text, own.addresses, warn))
    if own.is_english:
        text = english_forms(text)
    return with_spoken_signs(abbreviations(own).spoken(quantities(own).spoken(text)), own)
