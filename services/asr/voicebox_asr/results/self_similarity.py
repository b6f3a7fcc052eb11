"""Decides whether a word that a model repeats was really spoken that often: then the audio repeats itself, too."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from voicebox_asr.engine import SAMPLE_RATE_HZ, Samples, Word

FRAME_SAMPLES, HOP_SAMPLES = SAMPLE_RATE_HZ // 40, SAMPLE_RATE_HZ // 100
HOPS_A_SECOND = SAMPLE_RATE_HZ / HOP_SAMPLES
BANDS = 24

STEADY_DB = 2.0
"""A sound whose bands vary less than this is a tone or a hum: it repeats nothing."""

SHORTEST_ROUND_SECONDS = 0.15
"""No word comes again sooner."""

LOWEST_HZ, HIGHEST_HZ = 100.0, 6000.0

MIN_SIMILARITY = 0.35
"""Speech that repeats has an autocorrelation above this; other speech and noise stay below."""


SHORTEST_SECONDS = 0.1
"""A word with less time than this was not spoken: the alignment had nowhere to put it."""

MIN_REPEATS = 5


def repeated_word_similarity(samples: Samples, words: Sequence[Word]) -> float | None:
    """How much the sounds of the word that comes most often resemble each other; None when no word comes often."""
    counted = Counter(map(_key, words))
    word, times = counted.most_common(1)[0] if counted else ("", 0)
    if times < MIN_REPEATS:
        return None
    return self_similarity(samples, [each for each in words if _key(each) == word and has_time(each)])


def has_time(word: Word) -> bool:
    """Whether a word takes time."""
    return word.end_seconds - word.start_seconds >= SHORTEST_SECONDS


def _key(word: Word) -> str:
    return "".join(filter(str.isalnum, word.text.casefold()))


def self_similarity(samples: Samples, words: Sequence[Word]) -> float:
    """How much the audio that some words span repeats itself, from 0 to 1: the highest autocorrelation of its bands.

    Words are in seconds from the first of `samples`, shape (n,). Fewer than two words repeat nothing.
    """
    if len(words) < 2:
        return 0.0
    bands = _bands(
        samples[round(words[0].start_seconds * SAMPLE_RATE_HZ) : round(words[-1].end_seconds * SAMPLE_RATE_HZ)]
    )
    lags = range(round(SHORTEST_ROUND_SECONDS * HOPS_A_SECOND), len(bands) // 2)
    levels = bands - bands.mean(axis=0) if len(bands) else bands
    return max((_correlation(levels[lag:], levels[:-lag]) for lag in lags), default=0.0)


def _bands(samples: Samples) -> NDArray[np.float64]:
    """The level in each band in dB, shape (frames, bands)."""
    if samples.size < FRAME_SAMPLES:
        return np.zeros((0, BANDS))
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME_SAMPLES)[::HOP_SAMPLES]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(FRAME_SAMPLES), axis=1)))
    edges = np.geomspace(LOWEST_HZ, HIGHEST_HZ, BANDS + 1) * FRAME_SAMPLES / SAMPLE_RATE_HZ
    starts = np.round(edges).astype(int)
    sums = [power[:, start : max(start + 1, end)].mean(axis=1) for start, end in pairwise(starts)]
    levels: NDArray[np.float64] = 10.0 * np.log10(np.array(sums).T + 1e-8)
    return levels


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.sum(one * other)) / size if size > STEADY_DB**2 * one.size else 0.0
