"""Speaks one stream with Kokoro."""

from collections.abc import Generator, Iterator
from dataclasses import replace

import numpy as np

from voicebox_tts.engine import Phoneme, Speech
from voicebox_tts.engines.clauses import Clause, chunks, clauses
from voicebox_tts.engines.hibari.text import pieces
from voicebox_tts.engines.timing import timed

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
        for said in self._said(sentence):
            if said.units:
                yield from self._speak_clause(said)

    def close(self) -> None:
        """Nothing is held between sentences."""

    def _said(self, sentence: str) -> Iterator[Said]:
        if self._language.startswith("en"):
            reader = self._loaded.english(british=self._language == "en-GB")
            yield from (english(piece.text, reader) for piece in pieces(sentence, eager=self._samples == 0))
            return
        for clause in clauses(sentence):
            yield from self._fitting(clause)

    def _fitting(self, clause: Clause) -> Iterator[Said]:
        """A clause, in halves where it has more phonemes than the model takes, as a long number has."""
        said = by_espeak(clause, self._language, self._loaded.phonemizer(), self._loaded.vocabulary)
        if len(said.ids) <= LONGEST + PADS or len(clause.text) == 1:
            yield said
            return
        middle = len(clause.text) // 2
        cut = clause.text.rfind(" ", 1, middle) + 1 or middle
        yield from self._fitting(Clause(clause.text[:cut], ""))
        yield from self._fitting(Clause(clause.text[cut:], clause.end))

    def _speak_clause(self, said: Said) -> Iterator[Speech]:
        samples, lengths = self._loaded.speak(said.ids, self._style, self._speed)
        starts = np.maximum(np.concatenate([[0], np.cumsum(lengths)]) - LEAD_STEPS * STEP_SAMPLES, 0)
        silent = int(starts[said.units[0].first])
        seconds = (self._samples + np.maximum(starts - silent, 0)) / RATE_HZ
        samples = samples[silent:]
        self._samples += len(samples)
        unknown = f"The voice has no sound for {' '.join(said.unknown)}: it was left out."
        speech = Speech(
            samples,
            tuple(timed(said.words, said.units, seconds)),
            tuple(Phoneme(unit.text, float(seconds[unit.first])) for unit in said.units),
            (unknown,) if said.unknown.strip() else (),
        )
        for chunk in chunks(samples, RATE_HZ):
            yield replace(speech, samples=chunk)
            speech = Speech(samples)
