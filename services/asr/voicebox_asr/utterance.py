"""What was said from one pause to the next, placed in its stream."""

from dataclasses import dataclass, replace

from .engine import Heard, Word


@dataclass(frozen=True)
class Utterance:
    """A hypothesis; all times are seconds from the stream's start."""

    index: int
    text: str
    confidence: float | None
    words: tuple[Word, ...]
    start_seconds: float
    end_seconds: float


def place(heard: Heard, index: int, sound_seconds: float, start_seconds: float, end_seconds: float) -> Utterance:
    """What an engine heard in the sound from `sound_seconds` on, as the stream's utterance `index` from start to end."""
    words = tuple(
        replace(word, start_seconds=sound_seconds + word.start_seconds, end_seconds=sound_seconds + word.end_seconds)
        for word in heard.words
    )
    return Utterance(index, heard.text, heard.confidence, words, start_seconds, end_seconds)
