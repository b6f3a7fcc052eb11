"""Speaks one stream with a Piper voice."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from voicebox_tts.engine import GivenPhonemes, Phoneme, Samples, Speech, Stretch
from voicebox_tts.engines.clauses import Clause, chunks, clauses
from voicebox_tts.engines.missing_sounds import without_sound
from voicebox_tts.engines.phoneme_words import STRESS, SpelledClause, spelled
from voicebox_tts.engines.timing import timed
from voicebox_tts.text.given import joined, weighted, weightless

from .loaded import NOISE_SAMPLES, LoadedPiper
from .phonemes import Encoded, encode


class PiperSession:
    """One stream in one voice. Between two sentences it holds nothing but how much it spoke."""

    def __init__(self, loaded: LoadedPiper, speaker: int, speed: float, seed: int) -> None:
        self.sample_rate_hz = loaded.config.sample_rate_hz
        self._loaded, self._speaker, self._speed, self._seed = loaded, speaker, speed, seed
        self._clauses = self._samples = 0

    def speak(self, sentence: str) -> Generator[Speech, None, None]:
        """Speak a sentence clause by clause."""
        yield from self.speak_stretches((sentence,))

    def speak_stretches(self, stretches: Sequence[Stretch]) -> Generator[Speech, None, None]:
        """Likewise, with given phonemes."""
        text, given = joined(stretches)
        for clause in clauses(weighted(text, given)):
            yield from self._speak_clause(clause, given)

    def phonemes(self, stretches: Sequence[Stretch]) -> str:
        """The IPA of a sentence."""
        text, given = joined(stretches)
        spelled = (self._spelled(clause, given).phonemes for clause in clauses(weighted(text, given)))
        return " ".join(" ".join(spelled).split())

    def close(self) -> None:
        """Nothing is held between sentences."""

    def _spelled(self, clause: Clause, given: Sequence[GivenPhonemes]) -> SpelledClause:
        find = partial(self._loaded.phonemizer.phonemes, voice=self._loaded.config.espeak_voice)
        return spelled(weightless(clause.text), given, find)

    def _speak_clause(self, clause: Clause, given: Sequence[GivenPhonemes]) -> Iterator[Speech]:
        clause_phonemes = self._spelled(clause, given)
        ipa, words = clause_phonemes.phonemes, clause_phonemes.words
        if not ipa.strip():
            return
        encoded = encode(ipa, clause.end, clause_phonemes.owners, self._loaded.config.phoneme_ids)
        noise = np.random.default_rng((self._seed & 0xFFFF_FFFF_FFFF_FFFF, self._clauses))
        self._clauses += 1
        samples, lengths = self._loaded.speak(
            encoded.ids, self._speed, self._speaker, noise.standard_normal(NOISE_SAMPLES, np.float32)
        )
        yield from self._in_chunks(samples, encoded, words, np.concatenate([[0], np.cumsum(lengths)]))

    def _in_chunks(
        self,
        samples: Samples,
        encoded: Encoded,
        words: Sequence[str],
        starts: NDArray[np.float64],
    ) -> Iterator[Speech]:
        """The words and phonemes come with the first chunk."""
        seconds = (self._samples + starts) / self.sample_rate_hz
        self._samples += len(samples)
        phonemes = tuple(
            Phoneme(each.text, float(seconds[each.first])) for each in encoded.phonemes if each.text not in STRESS
        )
        times = tuple(timed(words, encoded.phonemes, seconds))
        speech = Speech(samples, times, phonemes, without_sound(encoded.unknown))
        for chunk in chunks(samples, self.sample_rate_hz):
            yield replace(speech, samples=chunk)
            speech = Speech(samples)
