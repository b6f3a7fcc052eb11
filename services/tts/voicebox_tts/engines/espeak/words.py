"""The times of espeak-ng's words and phonemes: its events, mapped to the audio while it is made."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from voicebox_tts.engine import Phoneme, Samples, Speech, Word
from voicebox_tts.normalization.characters import wants_sound

Event = tuple[str, str, int, int, int]
"""("word" or "phoneme", text of a phoneme, sample, first character, characters)."""

_BETWEEN_SPACES = re.compile(r"(?:(?![\s—–―…]|--).)+", re.DOTALL)
_WRITTEN_TOGETHER = re.compile(r"[\u2e80-\u2fdf\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
"""Han and Kana, which are written without spaces: each character is a word here."""
_MIN_SECONDS = 0.001
"""A word that is shorter shares its time with the next: espeak-ng has some events of a word that it joins to
another.
"""


@dataclass(frozen=True)
class Written:
    """A word of the text. `begin` is its first character, with the punctuation that is written at it."""

    text: str
    begin: int


class WordTimeline:
    """Holds audio back from a word's start until its end is known, about 1 ms, so that a word is yielded with the audio
    it begins in.

    Every word of the text is yielded, once and in order. Where espeak-ng has one event for several words, as for "of
    the", or none for a word, as before a dash, they share the time by their letters.
    """

    def __init__(self, written: list[Written], samples_before: int, sample_rate_hz: int) -> None:
        """`written` are the words of the text."""
        self._written, self._before, self._rate = written, samples_before, sample_rate_hz
        self._held: list[Samples] = []
        self._received = self._released = 0
        # Of the words whose end is not known; there are none where the last is before the first.
        self._first, self._last, self._sample = 0, -1, 0
        self._words: list[Word] = []
        self._phonemes: list[Phoneme] = []

    def add_events(self, events: Sequence[Event]) -> None:
        """Events of the audio that follows."""
        for kind, ipa, sample, begin, _ in events:
            if kind == "word":
                self._word(begin, sample)
            elif ipa.strip() and not ipa.startswith("("):  # "(en)" says that another language's rules follow
                self._phonemes.append(Phoneme(ipa, self._seconds(sample)))

    def add_audio(self, samples: Samples) -> None:
        """The next audio."""
        self._held.append(samples)
        self._received += len(samples)

    def ready(self) -> Speech | None:
        """The audio before the word whose end is not known yet; None when there is none."""
        return self._release(min(self._sample, self._received)) if self._last >= self._first else None

    def finish(self) -> Speech | None:
        """The rest."""
        self._close(len(self._written), self._received)
        return self._release(self._received)

    def _word(self, begin: int, sample: int) -> None:
        """The word at a character begins; it may have begun, since a number has an event for each word that it is
        spoken as.
        """
        index = self._index_at(begin)
        if index <= self._last:
            return
        if index > self._first:
            if sample - self._sample < _MIN_SECONDS * self._rate * (index - self._first):
                self._last = index
                return
            self._close(index, sample)
        self._last, self._sample = index, sample

    def _index_at(self, character: int) -> int:
        index = self._last
        while index + 1 < len(self._written) and self._written[index + 1].begin <= character:
            index += 1
        return index

    def _close(self, end: int, sample: int) -> None:
        """The words before the one at `end` end here."""
        words = self._written[self._first : end]
        letters = sum(len(word.text) for word in words)
        at = float(self._sample)
        for word in words:
            until = at + (sample - self._sample) * len(word.text) / letters
            self._words.append(Word(word.text, self._seconds(at), self._seconds(until)))
            at = until
        self._first = end

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

    def _seconds(self, sample: float) -> float:
        return (self._before + sample) / self._rate


def words_of(text: str) -> list[Written]:
    """The words of a text, between spaces and dashes, without the punctuation around them."""
    return [word for match in _BETWEEN_SPACES.finditer(text) for word in _parts(match[0], match.start())]


def _parts(run: str, at: int) -> list[Written]:
    begins = sorted(
        {0, *(end for match in _WRITTEN_TOGETHER.finditer(run) for end in (match.start(), match.end()))} - {len(run)}
    )
    ends = [*begins[1:], len(run)]
    return [
        Written(word, at + begin) for begin, end in zip(begins, ends, strict=True) if (word := _bare(run[begin:end]))
    ]


def _bare(run: str) -> str:
    """A word without the punctuation around it; empty where there is nothing else."""
    for belongs in (lambda character: wants_sound(character) and character not in "/\\*", wants_sound):
        if spoken := [index for index, character in enumerate(run) if belongs(character)]:
            return run[spoken[0] : spoken[-1] + 1]
    return ""
