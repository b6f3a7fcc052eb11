"""Notices that the model runs away: it speaks longer than its text can need, falls silent for good, or goes in
circles.
"""

import unicodedata
from enum import StrEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from voicebox_tts.engine import Samples

from .scheduler.admission import FRAME_SECONDS

LETTER, CAPITAL, HAN, KANA, HANGUL, DIGIT, SYMBOL, MARK, SPACE = 0.07, 0.2, 0.22, 0.13, 0.18, 0.4, 0.5, 0.4, 0.03
"""Seconds that a character takes at a usual pace: 14 letters a second in the alphabets of Europe, where a capital may
be spelled; 4.5 characters of Chinese, 7.5 kana, 5.5 syllables of Korean, 2.5 digits. A mark is a pause.
"""

SLOWEST = 2.5
"""So many times as long as usual the slowest speech takes."""
MIN_SECONDS = 2.0
"""Any text may take so long: a breath before, a word that is drawn out, a pause after."""

SILENT = 0.01
"""Samples of smaller magnitude are silence: -40 dB. Speech peaks are 10 to 50 times as high."""
MAX_SILENCE_SECONDS = 3.0
"""A pause inside a sentence is under 1 s."""

MAX_PERIOD_FRAMES = 25
MIN_REPETITION_FRAMES = 50
"""The first code of a frame is the content, the others the sound: 4 s of it that repeat with a period of up to 2 s
are no speech.
"""


class Runaway(StrEnum):
    """What went wrong, as the end of a sentence that begins with "The model"."""

    TOO_LONG = "spoke longer than the text can need"
    SILENCE = "fell silent for 3 s"
    REPETITION = "repeated itself"


def usual_seconds(text: str) -> float:
    """How long a text takes at a usual pace."""
    return sum(map(_character_seconds, text))


def max_frames(text: str, frame_seconds: float = FRAME_SECONDS) -> int:
    """The most frames that a text can need, however slowly it is spoken."""
    return int((MIN_SECONDS + SLOWEST * usual_seconds(text)) / frame_seconds)


class RunawayDetector:
    """Watches one piece of speech while it is made."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate = sample_rate_hz
        self._silent_samples = 0
        self._codes = np.full(MAX_PERIOD_FRAMES, -1, np.int64)  # the newest first codes, newest first
        # For each period, how many frames in a row were equal to those one period before.
        self._repeated = np.zeros(MAX_PERIOD_FRAMES, np.int64)

    def check(self, codes: NDArray[np.int64], samples: Samples) -> Runaway | None:
        """Look at the next frames: codes (frames, num_code_groups), and their audio. None when all is well."""
        if self._is_silent(samples):
            return Runaway.SILENCE
        return Runaway.REPETITION if any(self._repeats(int(code)) for code in codes[:, 0]) else None

    def _is_silent(self, samples: Samples) -> bool:
        loud = np.flatnonzero(np.abs(samples) > SILENT)
        self._silent_samples = samples.size - int(loud[-1]) - 1 if loud.size else self._silent_samples + samples.size
        return self._silent_samples >= MAX_SILENCE_SECONDS * self._rate

    def _repeats(self, code: int) -> bool:
        self._repeated = np.where(self._codes == code, self._repeated + 1, 0)
        self._codes = np.concatenate(([code], self._codes[:-1]))
        return bool(self._repeated.max() >= MIN_REPETITION_FRAMES)


@cache
def _character_seconds(character: str) -> float:
    category = unicodedata.category(character)
    if character.isspace():
        return SPACE
    if character.isnumeric() and not category.startswith("L"):
        return DIGIT
    if category[0] == "P":
        return MARK
    if category[0] in "MC":
        return 0.0
    if category[0] == "S":
        return SYMBOL
    return _letter_seconds(character, category)


def _letter_seconds(letter: str, category: str) -> float:
    code = ord(letter)
    if 0x3040 <= code <= 0x30FF:
        return KANA
    if 0xAC00 <= code <= 0xD7A3:
        return HANGUL
    if 0x3400 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x3FFFF:
        return HAN
    return CAPITAL if category == "Lu" else LETTER
