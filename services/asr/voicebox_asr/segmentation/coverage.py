"""Compares the words that were recognised in a window with the speech that voice activity detection finds there."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from voicebox_asr.engine import Word

from .windows import FRAME_SECONDS

MARGIN_SECONDS = 0.4
"""The error of alignments at the edges of words."""

MIN_SPEECH_SECONDS = 1.0
"""Less speech than this without a word is a breath, a hesitation or a cough."""

PAUSE_SECONDS = 0.5
"""A pause of this length is between sentences rather than within one."""

MIN_PAUSE_EDGE_SECONDS = 0.3
"""So much speech before and after a pause makes a word that spans it unlikely."""

SPARSE = 0.5
"""A part that has fewer characters a second than this share of what is usual in its window, which three quarters of its
parts do not exceed, lacks words.
"""

Span = tuple[float, float]
"""From when to when, in seconds from the window's first sample."""


def speech_without_words(speech: NDArray[np.bool_], words: Sequence[Span]) -> list[Span]:
    """Where a window has speech and no word. `speech` marks frames with speech, shape (frames,); words are in order."""
    edges = [
        0.0,
        *(edge for start, end in words for edge in (start - MARGIN_SECONDS, end + MARGIN_SECONDS)),
        speech.size * FRAME_SECONDS,
    ]
    gaps = zip(edges[::2], edges[1::2], strict=True)
    return [found for start, end in gaps if (found := _speech_in(speech, start, end))]


def parts_lacking_words(speech: NDArray[np.bool_], words: Sequence[Word]) -> list[Span]:
    """The parts of a window, from pause to pause, whose words are too few for their speech.

    Where Whisper leaves out a sentence, its alignment stretches the words around it over the sentence's time. So a part
    with some words, but too few, has those of its neighbours, which are returned with it.
    """
    parts = _parts(speech)
    rates = [_characters(words, part) / _seconds(speech, part) for part in parts]
    usual = sorted(rates)[(3 * len(rates) - 1) // 4] if rates else 0.0  # of a window in which half the parts lack words
    lacking = {
        index
        for index, (part, rate) in enumerate(zip(parts, rates, strict=True))
        if rate < SPARSE * usual and _seconds(speech, part) >= MIN_SPEECH_SECONDS
    }
    lacking |= {
        index + beside
        for index, (before, after) in enumerate(pairwise(parts))
        for beside in (0, 1)
        if any(_spans_pause(word, before, after) for word in words)
    }
    near = lacking | {index + beside for index in lacking if rates[index] for beside in (-1, 1)}
    return [part for index, part in enumerate(parts) if index in near]


def _parts(speech: NDArray[np.bool_]) -> list[Span]:
    """Speech from pause to pause; what is too short to be a sentence belongs to the part before it."""
    frames = np.flatnonzero(speech)
    if not frames.size:
        return []
    ends = np.flatnonzero(np.diff(frames) * FRAME_SECONDS >= PAUSE_SECONDS)
    starts = frames[np.concatenate(([0], ends + 1))] * FRAME_SECONDS
    stops = (frames[np.concatenate((ends, [frames.size - 1]))] + 1) * FRAME_SECONDS
    parts: list[Span] = []
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        if parts and stop - start < MIN_SPEECH_SECONDS:
            parts[-1] = (parts[-1][0], stop)
        else:
            parts.append((start, stop))
    return parts


def _characters(words: Sequence[Word], part: Span) -> int:
    return sum(len(word.text) for word in words if within(word, part))


def _seconds(speech: NDArray[np.bool_], part: Span) -> float:
    """The speech in a part."""
    first, last = (round(edge / FRAME_SECONDS) for edge in part)
    return float(np.count_nonzero(speech[first:last])) * FRAME_SECONDS


def _spans_pause(word: Word, before: Span, after: Span) -> bool:
    """Whether a word reaches from one part well into the next."""
    return (
        word.start_seconds < before[1] - MIN_PAUSE_EDGE_SECONDS and word.end_seconds > after[0] + MIN_PAUSE_EDGE_SECONDS
    )


def within(word: Word, span: Span) -> bool:
    """Whether the middle of a word is there."""
    return span[0] <= (word.start_seconds + word.end_seconds) / 2 < span[1]


def _speech_in(speech: NDArray[np.bool_], start: float, end: float) -> Span | None:
    """From the first to the last speech between two times; None when there is too little."""
    first = max(0, round(start / FRAME_SECONDS))
    frames = np.flatnonzero(speech[first : max(first, round(end / FRAME_SECONDS))])
    if frames.size * FRAME_SECONDS < MIN_SPEECH_SECONDS:
        return None
    return (first + int(frames[0])) * FRAME_SECONDS, (first + int(frames[-1]) + 1) * FRAME_SECONDS
