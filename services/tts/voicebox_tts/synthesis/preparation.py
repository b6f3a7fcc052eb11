"""What an engine is given to say of a text, and what of it is not said."""

from voicebox_tts.engine import Capability, Engine, HasAlphabet, Transliterates
from voicebox_tts.normalization.characters import named
from voicebox_tts.normalization.preparation import Preparation
from voicebox_tts.text.sentences import has_something_to_say


class Reading:
    """The reading of one utterance by one engine, sentence by sentence."""

    def __init__(self, engine: Engine, language: str, *, verbatim: bool) -> None:
        self._engine, self._verbatim = engine, verbatim
        self._preparation = Preparation(language, Capability.TEXT_NORMALIZATION in engine.capabilities)
        self.is_only_signs = False
        """Whether there was text and no letter or digit in it."""
        self._has_letters = False
        self._unspoken = dict[str, None]()
        self._transliterated = dict[str, None]()

    def of(self, sentence: str) -> str:
        """What the engine is given to say; empty where there is nothing."""
        self._has_letters = self._has_letters or has_something_to_say(sentence)
        self.is_only_signs = bool(sentence.strip() or self.is_only_signs) and not self._has_letters
        text = sentence if self._verbatim else self._preparation.prepare(sentence)
        if isinstance(self._engine, HasAlphabet):
            self._unspoken |= dict.fromkeys(self._engine.unspoken(text))
        if isinstance(self._engine, Transliterates):
            self._transliterated |= dict.fromkeys(self._engine.transliterated(text))
        return text

    @property
    def warnings(self) -> list[str]:
        """Sentences on what was not said, or not as it is read."""
        name = self._engine.name
        left_out = f"The engine {name} cannot say {named(''.join(self._unspoken))}: left out."
        in_latin = f"The engine {name} speaks {named(''.join(self._transliterated))} by Latin letters, not in their own language."
        return [
            *self._preparation.warnings,
            *([in_latin] if self._transliterated else []),
            *([left_out] if self._unspoken else []),
        ]
