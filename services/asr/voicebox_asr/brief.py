"""Very short sound: a model that was trained on sentences invents one in it."""

from .engine import Notice, Reason
from .windows import FRAME_SECONDS, Window

SHORT_SECONDS = 0.5
"""In less sound than this, speech or not, what is recognised is a guess."""

MOST_LETTERS_A_SECOND = 20.0
"""Nobody speaks faster: 8 syllables a second."""


def is_short(window: Window) -> bool:
    """Whether there is too little sound for words to be recognised reliably."""
    return _seconds(window) < SHORT_SECONDS


def is_sayable(window: Window, letters: int) -> bool:
    """Whether so many letters can be said in its time."""
    return letters <= MOST_LETTERS_A_SECOND * _seconds(window)


def short_sound(window: Window, letters: int) -> Notice:
    """What to tell of a window that is short."""
    if not letters:
        outcome = "no word was recognised in it"
    elif is_sayable(window, letters):
        outcome = "what was recognised in it is unsure"
    else:
        outcome = "what was recognised in it cannot be said in that time, and is left out"
    sentence = f"There is only {_seconds(window):.2f} s of sound here: {outcome}."
    return Notice(Reason.SHORT_SOUND, sentence, window.at(0.0), window.until(window.seconds))


def _seconds(window: Window) -> float:
    """How much of it can be speech: with detection, its speech with a syllable's edges."""
    speech = float(window.speech.sum()) * FRAME_SECONDS + EDGES_SECONDS if window.speech.size else window.seconds
    return min(window.seconds, speech)


EDGES_SECONDS = 0.1
"""Weak consonants at the edges of speech are not marked as speech."""
