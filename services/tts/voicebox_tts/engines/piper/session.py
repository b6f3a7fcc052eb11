"""Speaks one stream with a Piper voice."""

from collections.abc import Generator, Iterator, Sequence

import numpy as np

from voicebox_tts.engine import Phoneme, Samples, Speech, Word
from voicebox_tts.engines.espeak.words import words_of
from voicebox_tts.normalization.characters import wants_sound

from .loaded import NOISE_SAMPLES, LoadedPiper
from .phonemes import STRESS, Encoded, encode, words_of_phonemes
from .text import Clause, clauses

FIRST_PIECE_SECONDS, PIECE_SECONDS = 0.1, 0.5
"""A clause is made as a whole, and yielded in pieces: a listener who leaves is noticed after one."""


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
        yield from self._in_pieces(samples, encoded, words, np.concatenate([[0], np.cumsum(lengths)]))

    def _in_pieces(
        self,
        samples: Samples,
        encoded: Encoded,
        words: Sequence[str],
        starts: np.ndarray[tuple[int], np.dtype[np.float64]],
    ) -> Iterator[Speech]:
        """The words and phonemes come with the first piece."""
        first, step = (int(seconds * self.sample_rate_hz) for seconds in (FIRST_PIECE_SECONDS, PIECE_SECONDS))
        seconds = (self._samples + starts) / self.sample_rate_hz
        self._samples += len(samples)
        phonemes = tuple(
            Phoneme(each.ipa, float(seconds[each.first])) for each in encoded.phonemes if each.ipa not in STRESS
        )
        warnings = (
            (f"The voice has no sound for the phonemes {' '.join(encoded.unknown)}: they were left out.",)
            if encoded.unknown.strip()
            else ()
        )
        yield Speech(samples[:first], tuple(_timed(words, encoded, seconds)), phonemes, warnings)
        for begin in range(first, len(samples), step):
            yield Speech(samples[begin : begin + step])


def _timed(
    words: Sequence[str], encoded: Encoded, seconds: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> Iterator[Word]:
    """Each word once, in order. Words that were joined to the one before them share its time by their letters."""
    own = {number: [each for each in encoded.phonemes if each.word == number] for number in range(len(words))}
    heads = [number for number in own if own[number]] or [0]
    for head, after in zip(heads, [*heads[1:], len(words)], strict=True):
        group = range(0 if head == heads[0] else head, after)
        begin = float(seconds[own[head][0].first]) if own[head] else float(seconds[0])
        end = float(seconds[own[head][-1].after]) if own[head] else float(seconds[-1])
        letters = sum(len(words[number]) for number in group)
        for number in group:
            until = begin + (end - begin) * len(words[number]) / letters
            yield Word(words[number], begin, until)
            begin, letters = until, letters - len(words[number])
