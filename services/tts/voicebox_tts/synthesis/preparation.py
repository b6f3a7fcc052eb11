"""What an engine is given to say of a text, and what of it is not said."""

from voicebox_tts.engine import Capability, Engine, HasAlphabet
from voicebox_tts.normalization.characters import named
from voicebox_tts.normalization.preparation import Preparation


class Reading:
    """The reading of one utterance by one engine, sentence by sentence."""

    def __init__(self, engine: Engine, language: str, *, verbatim: bool) -> None:
        self._engine, self._verbatim = engine, verbatim
        self._preparation = Preparation(language, Capability.TEXT_NORMALIZATION in engine.capabilities)
        self._unspoken = dict[str, None]()

    def of(self, sentence: str) -> str:
        """What the engine is given to say; empty where there is nothing."""
        text = sentence if self._verbatim else self._preparation.prepare(sentence)
        if isinstance(self._engine, HasAlphabet):
            self._unspoken |= dict.fromkeys(self._engine.unspoken(text))
        return text

    @property
    def warnings(self) -> list[str]:
        """Sentences on what was not said."""
        left_out = f"The engine {self._engine.name} cannot say {named(''.join(self._unspoken))}: left out."
        return [*self._preparation.warnings, *([left_out] if self._unspoken else [])]
