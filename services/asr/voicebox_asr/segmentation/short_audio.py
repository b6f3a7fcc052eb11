"""Very short sound: a model that was trained on sentences invents one in it."""

from voicebox_asr.engine import Notice, Reason

from .windows import FRAME_SECONDS, Window

SHORT_SECONDS = 0.5
"""In less sound than this, speech or not, what is recognised is a guess."""

MOST_LETTERS_A_SECOND = 20.0
"""Nobody speaks faster: 8 syllables a second."""


EDGES_SECONDS = 0.1
"""Weak consonants at the edges of speech are not marked as speech."""


def is_short(seconds: float) -> bool:
    """Whether there is too little sound for words to be recognised reliably."""
    return seconds < SHORT_SECONDS


def is_sayable(text: str, seconds: float) -> bool:
    """Whether a text can be said in so much time."""
    return _letters(text) <= MOST_LETTERS_A_SECOND * seconds


def short_sound(text: str, seconds: float, start_seconds: float, end_seconds: float) -> Notice:
    """What to tell of a text that was recognised in so little sound, between two times."""
    if not _letters(text):
        outcome = "no word was recognised in it"
    elif is_sayable(text, seconds):
        outcome = "what was recognised in it is unsure"
    else:
        outcome = "what was recognised in it cannot be said in that time, and is left out"
    sentence = f"There is only {seconds:.2f} s of sound here: {outcome}."
    return Notice(Reason.SHORT_AUDIO, sentence, start_seconds, end_seconds)


def sound_seconds(window: Window) -> float:
    """How much of a window can be speech: with detection, its speech with a syllable's edges."""
    speech = float(window.speech.sum()) * FRAME_SECONDS + EDGES_SECONDS if window.speech.size else window.seconds
    return min(window.seconds, speech)


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))
