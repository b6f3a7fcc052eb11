"""Warns of languages that the engine detected and is not sure of."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from voicebox_asr.engine import RecognitionWarning, WarningReason

from .utterance import Utterance

SURE = 0.85
"""The least probability of a language that counts as detected. Whisper base has 0.88 and more in 2 s of real English,
and 0.72 to 0.82 for Thai in one sentence of synthetic French.
"""


@dataclass(frozen=True)
class _Unsure:
    language: str
    probability: float
    start_seconds: float
    end_seconds: float


class UnsureLanguages:
    """One warning for neighbours in a language that no utterance is surely in.

    Utterances without a probability are left out: their language was named, or the engine does not detect it.
    """

    def __init__(self) -> None:
        self._sure: set[str] = set()
        self._unsure: list[_Unsure] = []
        self._last = ""

    def add(self, utterance: Utterance) -> None:
        """The next utterance, in their order."""
        hypothesis, probability = utterance.hypothesis, utterance.hypothesis.language_probability
        if probability is None:
            return
        if probability >= SURE:
            self._sure.add(hypothesis.language)
        elif self._last == hypothesis.language and self._unsure:
            before = self._unsure[-1]
            lower = min(before.probability, probability)
            self._unsure[-1] = replace(before, probability=lower, end_seconds=utterance.end_seconds)
        else:
            found = _Unsure(hypothesis.language, probability, utterance.start_seconds, utterance.end_seconds)
            self._unsure.append(found)
        self._last = hypothesis.language if probability < SURE else ""

    @property
    def warnings(self) -> list[RecognitionWarning]:
        """For the utterances so far."""
        return [_warning(each) for each in self._unsure if each.language not in self._sure]


def unsure_languages(utterances: Iterable[Utterance]) -> list[RecognitionWarning]:
    """The warnings for a whole file."""
    found = UnsureLanguages()
    for utterance in utterances:
        found.add(utterance)
    return found.warnings


def _warning(unsure: _Unsure) -> RecognitionWarning:
    sentence = (
        f"The language was detected as {unsure.language} with low confidence "
        f"(probability {unsure.probability:.2f}): name it in the request."
    )
    return RecognitionWarning(WarningReason.LANGUAGE_UNSURE, sentence, unsure.start_seconds, unsure.end_seconds)
