"""Speaks one stream with an MMS voice."""

import hashlib
from collections.abc import Generator, Iterator
from dataclasses import replace

import numpy as np

from voicebox_tts.engine import Speech
from voicebox_tts.engines.clauses import Clause, chunks, clauses
from voicebox_tts.engines.espeak.words import words_of
from voicebox_tts.engines.missing_sounds import without_sound
from voicebox_tts.engines.timing import timed

from .loaded import LoadedMms


class MmsSession:
    """One stream. Between two sentences it holds nothing but how much it spoke."""

    def __init__(self, loaded: LoadedMms, speed: float, seed: int) -> None:
        self.sample_rate_hz = loaded.sample_rate_hz
        self._loaded, self._speed, self._seed = loaded, speed, seed
        self._clauses = self._samples = 0

    def speak(self, sentence: str) -> Generator[Speech, None, None]:
        """Speak a sentence clause by clause."""
        for clause in clauses(sentence):
            yield from self._speak_clause(clause)

    def close(self) -> None:
        """Nothing is held between sentences."""

    def _speak_clause(self, clause: Clause) -> Iterator[Speech]:
        words = [word.text for word in words_of(clause.text)]
        letters = self._loaded.tokenizer.encode(words)
        if not letters.units:
            return
        self._clauses += 1
        samples, lengths = self._loaded.speak(letters.ids, self._speed, self._clause_seed())
        seconds = (self._samples + np.concatenate([[0], np.cumsum(lengths)])) / self.sample_rate_hz
        self._samples += len(samples)
        speech = Speech(
            samples,
            tuple(timed(words, letters.units, seconds)),
            warnings=without_sound(letters.unknown),
        )
        for chunk in chunks(samples, self.sample_rate_hz):
            yield replace(speech, samples=chunk)
            speech = Speech(samples)

    def _clause_seed(self) -> int:
        """Each clause has its own noise."""
        return int.from_bytes(hashlib.sha256(f"{self._seed} {self._clauses}".encode()).digest()[:7])
