"""Very short audio: a model that was trained on sentences invents one in it."""

from voicebox_asr.engine import RecognitionWarning, WarningReason

from .windows import FRAME_SECONDS, Window

SHORT_SECONDS = 0.5
"""In less audio than this, speech or not, a result is a guess."""

MAX_LETTERS_PER_SECOND = 20.0
"""Nobody speaks faster: 8 syllables a second."""


EDGES_SECONDS = 0.1
"""Weak consonants at the edges of speech are not marked as speech."""


def is_short(seconds: float) -> bool:
    """Whether there is too little audio to recognise words reliably."""
    return seconds < SHORT_SECONDS


def is_speakable(text: str, seconds: float) -> bool:
    """Whether a text can be said in this time."""
    return _letters(text) <= MAX_LETTERS_PER_SECOND * seconds


def short_audio_warning(text: str, seconds: float, start_seconds: float, end_seconds: float) -> RecognitionWarning:
    """The warning about a text that was recognised in so short audio, between two times."""
    if not _letters(text):
        outcome = "no word was recognised in it"
    elif is_speakable(text, seconds):
        outcome = "what was recognised in it is unsure"
    else:
        outcome = "what was recognised in it cannot be said in that time, and is left out"
    sentence = f"There is only {seconds:.2f} s of audio here: {outcome}."
    return RecognitionWarning(WarningReason.SHORT_AUDIO, sentence, start_seconds, end_seconds)


def audible_seconds(window: Window) -> float:
    """How much of a window can be speech: with detection, its speech with a syllable's edges."""
    speech = float(window.speech.sum()) * FRAME_SECONDS + EDGES_SECONDS if window.speech.size else window.seconds
    return min(window.seconds, speech)


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))
