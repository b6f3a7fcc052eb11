"""Speaks one stream with Kokoro."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

import numpy as np

from voicebox_tts.engine import GivenPhonemes, Phoneme, Speech, Stretch
from voicebox_tts.engines.clauses import Clause, chunks, clauses
from voicebox_tts.engines.hibari.text import pieces
from voicebox_tts.engines.missing_sounds import without_sound
from voicebox_tts.engines.timing import timed
from voicebox_tts.text.given import joined, weighted, weightless

from .loaded import RATE_HZ, STEP_SAMPLES, LoadedKokoro
from .model_files import LONGEST, Style
from .phonemes import Said, by_espeak, english

PADS = 2
"""Ids of no phoneme: one at each end."""

LEAD_STEPS = 3
"""A phoneme sounds so much sooner than its durations say: what Kokoro's own code subtracts."""


class KokoroSession:
    """One stream in one voice. Between two sentences it holds nothing but how much it spoke."""

    sample_rate_hz = RATE_HZ

    def __init__(self, loaded: LoadedKokoro, style: Style, language: str, speed: float) -> None:
        self._loaded, self._style, self._language, self._speed = loaded, style, language, speed
        self._samples = 0

    def speak(self, sentence: str) -> Generator[Speech, None, None]:
        """Speak a sentence, clause by clause where it is long."""
        yield from self.speak_stretches((sentence,))

    def speak_stretches(self, stretches: Sequence[Stretch]) -> Generator[Speech, None, None]:
        """Likewise, with given phonemes."""
        for said in self._said(stretches):
            if said.units:
                yield from self._speak_clause(said)

    def phonemes(self, stretches: Sequence[Stretch]) -> str:
        """The IPA of a sentence."""
        return " ".join(" ".join(said.ipa for said in self._said(stretches)).split())

    def close(self) -> None:
        """Nothing is held between sentences."""

    def _said(self, stretches: Sequence[Stretch]) -> Iterator[Said]:
        text, given = joined(stretches)
        if self._language.startswith("en"):
            reader = self._loaded.english(british=self._language == "en-GB")
            for piece in pieces(weighted(text, given), eager=self._samples == 0):
                yield english(weightless(piece.text), reader, given)
            return
        for clause in clauses(weighted(text, given)):
            yield from self._fitting(Clause(weightless(clause.text), clause.end), given)

    def _fitting(self, clause: Clause, given: Sequence[GivenPhonemes]) -> Iterator[Said]:
        """A clause, in halves where it has more phonemes than the model takes, as a long number has."""
        said = by_espeak(clause, self._language, self._loaded.phonemizer(), self._loaded.vocabulary, given)
        if len(said.ids) <= LONGEST + PADS or len(clause.text) == 1:
            yield said
            return
        middle = len(clause.text) // 2
        cut = clause.text.rfind(" ", 1, middle) + 1 or middle
        yield from self._fitting(Clause(clause.text[:cut], ""), given)
        yield from self._fitting(Clause(clause.text[cut:], clause.end), given)

    def _speak_clause(self, said: Said) -> Iterator[Speech]:
        samples, lengths = self._loaded.speak(said.ids, self._style, self._speed)
        starts = np.maximum(np.concatenate([[0], np.cumsum(lengths)]) - LEAD_STEPS * STEP_SAMPLES, 0)
        silent = int(starts[said.units[0].first])
        seconds = (self._samples + np.maximum(starts - silent, 0)) / RATE_HZ
        samples = samples[silent:]
        self._samples += len(samples)
        speech = Speech(
            samples,
            tuple(timed(said.words, said.units, seconds)),
            tuple(Phoneme(unit.text, float(seconds[unit.first])) for unit in said.units),
            without_sound(said.unknown),
        )
        for chunk in chunks(samples, RATE_HZ):
            yield replace(speech, samples=chunk)
            speech = Speech(samples)
