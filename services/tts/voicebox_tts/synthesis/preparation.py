"""Prepares a text for an engine, and finds what the engine will not say of it."""

from voicebox_tts.engine import Capability, Engine, HasAlphabet, Transliterates
from voicebox_tts.normalization.characters import named
from voicebox_tts.normalization.preparation import Preparation
from voicebox_tts.text.sentences import has_something_to_say


class TextPreparation:
    """Prepares the sentences of one utterance for one engine. `has_text` and `has_letters` say what was in them."""

    def __init__(self, engine: Engine, language: str, *, verbatim: bool) -> None:
        self._engine, self._verbatim = engine, verbatim
        self._preparation = Preparation(language, Capability.TEXT_NORMALIZATION in engine.capabilities)
        self.has_text = self.has_letters = False
        self._unspoken = dict[str, None]()
        self._transliterated = dict[str, None]()

    def prepare(self, sentence: str) -> str:
        """The sentence as the engine gets it; empty where there is nothing to say."""
        self.has_text = self.has_text or bool(sentence.strip())
        self.has_letters = self.has_letters or has_something_to_say(sentence)
        text = sentence if self._verbatim else self._preparation.prepare(sentence)
        if isinstance(self._engine, HasAlphabet):
            self._unspoken |= dict.fromkeys(self._engine.unspoken(text))
        if isinstance(self._engine, Transliterates):
            self._transliterated |= dict.fromkeys(self._engine.transliterated(text))
        return text

    @property
    def warnings(self) -> list[str]:
        """Sentences on what is not spoken, or not as a person would read it."""
        name = self._engine.name
        left_out = f"The engine {name} cannot say {named(''.join(self._unspoken))}: left out."
        in_latin = (
            f"The engine {name} speaks {named(''.join(self._transliterated))} by Latin letters, not in their own "
        )
        in_latin += "language."
        return [
            *self._preparation.warnings,
            *([in_latin] if self._transliterated else []),
            *([left_out] if self._unspoken else []),
        ]
