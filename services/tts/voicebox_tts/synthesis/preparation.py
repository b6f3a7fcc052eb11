"""Prepares a text for an engine: what lexicons replace, what is written out, and what the engine will not say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from voicebox_tts.engine import Capability, Engine, GivenPhonemes, HasAlphabet, Stretch, Transliterates
from voicebox_tts.lexicons.lexicon import Lexicon, found
from voicebox_tts.normalization.characters import named
from voicebox_tts.normalization.preparation import Preparation
from voicebox_tts.text import given as placeholders
from voicebox_tts.text.sentences import has_something_to_say

MAX_NAMED = 20
"""Words that a warning names."""


@dataclass(frozen=True)
class Replacement:
    """A stretch of a sentence for which an alias or phonemes in IPA are said; `lexicon` is empty for the text's own."""

    offset: int
    written: str
    alias: str
    phoneme: str
    lexicon: str


@dataclass(frozen=True)
class Prepared:
    """A sentence as it is written, and as the engine gets it: no stretches where there is nothing to say."""

    text: str
    stretches: tuple[Stretch, ...]
    replacements: tuple[Replacement, ...]

    @property
    def spoken(self) -> str:
        """What the engine gets, with words for given phonemes."""
        return placeholders.as_written(self.stretches)


class TextPreparation:
    """Prepares the sentences of one utterance for one engine. `has_text` and `has_letters` say what was in them."""

    def __init__(self, engine: Engine, language: str, *, verbatim: bool, lexicons: Sequence[Lexicon] = ()) -> None:
        self._engine, self._verbatim, self._lexicons = engine, verbatim, lexicons
        self._takes_phonemes = Capability.PHONEMES in engine.capabilities
        self._preparation = Preparation(language, Capability.TEXT_NORMALIZATION in engine.capabilities)
        self.has_text = self.has_letters = False
        self._unspoken = dict[str, None]()
        self._transliterated = dict[str, None]()
        self._without_phonemes = dict[str, None]()

    def prepare(self, sentence: str, given: Sequence[GivenPhonemes] = ()) -> Prepared:
        """The sentence as the engine gets it. `given` is what its placeholders stand for."""
        written = placeholders.written(sentence, given)
        self.has_text = self.has_text or bool(written.strip())
        self.has_letters = self.has_letters or has_something_to_say(written)
        replacements = list[Replacement]()
        replaced = [*self._replaced(sentence, given, replacements)]
        has_phonemes = any(isinstance(each, GivenPhonemes) for each in replaced)
        text, phonemes = placeholders.joined(replaced) if has_phonemes else (placeholders.as_written(replaced), ())
        text = placeholders.without_spelling(text if self._verbatim else self._preparation.prepare(text))
        self._note(placeholders.without_placeholders(text) if phonemes else text)
        stretches = tuple(placeholders.split(text, phonemes)) if phonemes else (text,) if text else ()
        return Prepared(written, stretches, tuple(replacements))

    def _replaced(
        self, sentence: str, given: Sequence[GivenPhonemes], replacements: list[Replacement]
    ) -> Iterator[Stretch]:
        """The sentence with what is said for parts of it, each of which is added to `replacements`."""
        offset = 0
        for stretch in placeholders.split(sentence, given):
            if isinstance(stretch, GivenPhonemes):
                yield self._said(stretch, Replacement(offset, stretch.text, "", stretch.ipa, ""), replacements)
                offset += len(stretch.text)
            else:
                yield from self._looked_up(stretch, offset, replacements)
                offset += len(stretch)

    def _looked_up(self, text: str, offset: int, replacements: list[Replacement]) -> Iterator[Stretch]:
        end = 0
        for match in found(text, self._lexicons):
            entry, written = match.entry, text[match.begin : match.end]
            yield text[end : match.begin]
            replacement = Replacement(offset + match.begin, written, entry.alias, entry.phoneme, match.lexicon)
            yield self._said(GivenPhonemes(written, entry.phoneme), replacement, replacements)
            end = match.end
        yield text[end:]

    def _said(self, given: GivenPhonemes, asked: Replacement, replacements: list[Replacement]) -> Stretch:
        """Phonemes where the engine takes them, else the alias or the written form."""
        has_phonemes = bool(given.ipa) and self._takes_phonemes
        if given.ipa and not has_phonemes:
            self._without_phonemes[given.text] = None
        if not has_phonemes and not asked.alias:
            return given.text
        alias, phoneme = ("", given.ipa) if has_phonemes else (asked.alias, "")
        replacements.append(Replacement(asked.offset, asked.written, alias, phoneme, asked.lexicon))
        return given if has_phonemes else alias

    def _note(self, text: str) -> None:
        """Remember what the engine will not say of it, or not as it is read."""
        if isinstance(self._engine, HasAlphabet):
            self._unspoken |= dict.fromkeys(self._engine.unspoken(text))
        if isinstance(self._engine, Transliterates):
            self._transliterated |= dict.fromkeys(self._engine.transliterated(text))

    @property
    def warnings(self) -> list[str]:
        """Sentences on what is not spoken, or not as a person would read it."""
        name = self._engine.name
        left_out = f"The engine {name} cannot say {named(''.join(self._unspoken))}: left out."
        in_latin = (
            f"The engine {name} speaks {named(''.join(self._transliterated))} by Latin letters, not in their own "
        )
        in_latin += "language: name that language, or `auto`, and a voice that speaks it is chosen."
        return [
            *self._preparation.warnings,
            *([in_latin] if self._transliterated else []),
            *([left_out] if self._unspoken else []),
            *([self._phonemes_warning()] if self._without_phonemes else []),
        ]

    def _phonemes_warning(self) -> str:
        words = list(self._without_phonemes)
        listed = ", ".join(map(repr, words[:MAX_NAMED]))
        more = f" and {len(words) - MAX_NAMED} more" if len(words) > MAX_NAMED else ""
        return f"The engine {self._engine.name} takes no phonemes: {listed}{more} is read by its letters, or its alias."
