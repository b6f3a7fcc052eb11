"""When espeak-ng's words and phonemes are heard: its events, laid on the audio as it comes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..engine import Phoneme, Samples, Speech, Word

Event = tuple[str, str, int, int, int]
"""("word" or "phoneme", text of a phoneme, sample, first character, characters)."""


_PUNCTUATION = " ,.;:!?…—–-'\"‘’“”«»()[]{}$€£¥#¿¡。！？，、；：「」"


@dataclass(frozen=True)
class _OpenWord:
    """A word whose end is not known yet: characters [begin, end) at least, heard from a sample on."""

    begin: int
    end: int
    sample: int


class WordTimeline:
    """Holds audio back from a word's start until its end is known, about 1 ms, so that a word is told with the sound it begins in."""

    def __init__(self, text: str, samples_before: int, sample_rate_hz: int) -> None:
        self._text, self._before, self._rate = text, samples_before, sample_rate_hz
        self._held: list[Samples] = []
        self._heard = self._released = 0
        self._open: _OpenWord | None = None
        self._words: list[Word] = []
        self._phonemes: list[Phoneme] = []

    def tell(self, events: Sequence[Event]) -> None:
        """Events of the audio that follows."""
        for kind, ipa, sample, begin, length in events:
            if kind == "word":
                self._word(begin, begin + length, sample)
            elif ipa.strip() and not ipa.startswith("("):  # "(en)" says that another language's rules follow
                self._phonemes.append(Phoneme(ipa, self._seconds(sample)))

    def hear(self, samples: Samples) -> None:
        """The next audio."""
        self._held.append(samples)
        self._heard += len(samples)

    def ready(self) -> Speech | None:
        """What comes before the word whose end is not known yet; None when there is nothing."""
        return self._release(min(self._open.sample, self._heard)) if self._open else None

    def finish(self) -> Speech | None:
        """The rest."""
        self._close_word(len(self._text), self._heard)
        return self._release(self._heard)

    def _word(self, begin: int, end: int, sample: int) -> None:
        """A number or a foreign word is told once for each word that it is spoken as: those overlap, and are one word here."""
        if self._open and begin < self._open.end:
            return
        if self._text[begin:end].strip():
            self._close_word(begin, sample)
            self._open = _OpenWord(begin, end, sample)

    def _close_word(self, end: int, sample: int) -> None:
        """The open word ends where the next begins. Its event may tell less: "e" of "e-mail", "of" of "of the", which is spoken as one."""
        if self._open:
            text = " ".join(self._text[self._open.begin : end].split()).rstrip(_PUNCTUATION)
            if text:
                self._words.append(Word(text, self._seconds(self._open.sample), self._seconds(sample)))
            self._open = None

    def _release(self, until: int) -> Speech | None:
        if until <= self._released:
            return None
        held = np.concatenate(self._held)
        count = until - self._released
        self._held, self._released = [held[count:]], until
        speech = Speech(held[:count], tuple(self._words), tuple(self._phonemes))
        self._words.clear()
        self._phonemes.clear()
        return speech

    def _seconds(self, sample: int) -> float:
        return (self._before + sample) / self._rate
