"""Speaks one stream with a Piper voice."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from voicebox_tts.engine import Phoneme, Samples, Speech
from voicebox_tts.engines.clauses import Clause, chunks, clauses
from voicebox_tts.engines.espeak.words import words_of
from voicebox_tts.engines.phoneme_words import STRESS, words_of_phonemes
from voicebox_tts.engines.timing import timed
from voicebox_tts.normalization.characters import wants_sound

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
        for clause in clauses(sentence):
            yield from self._speak_clause(clause)

    def close(self) -> None:
        """Nothing is held between sentences."""

    def _speak_clause(self, clause: Clause) -> Iterator[Speech]:
        words = [word.text for word in words_of(clause.text) if any(map(wants_sound, word.text))]
        ipa, *of_words = self._loaded.phonemizer.phonemes([clause.text, *words], self._loaded.config.espeak_voice)
        if not ipa.strip():
            return
        encoded = encode(ipa, clause.end, words_of_phonemes(ipa, of_words), self._loaded.config.phoneme_ids)
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
        warnings = (
            (f"The voice has no sound for the phonemes {' '.join(encoded.unknown)}: they were left out.",)
            if encoded.unknown.strip()
            else ()
        )
        speech = Speech(samples, tuple(timed(words, encoded.phonemes, seconds)), phonemes, warnings)
        for chunk in chunks(samples, self.sample_rate_hz):
            yield replace(speech, samples=chunk)
            speech = Speech(samples)
