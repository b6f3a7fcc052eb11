"""Finds the frames with speech, by their levels."""

import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.float64]
"""The power of each frame in dB of full scale, shape (frames,)."""
Activity = NDArray[np.bool_]
"""Whether there is speech in each frame, shape (frames,)."""

FRAME_SECONDS = 0.02
RANGE_DB = 60.0
"""What lies further below the loudest frames is as good as silence: digital zeros must not pull the threshold down."""
MIN_CONTRAST_DB = 6.0
"""Steady noise or a tone splits into halves that differ by less than 2 dB; speech and the worst noise in which it is
intelligible, by 6.
"""
MIN_SPEECH_FRAMES = 3
"""A shorter burst is a click: 60 ms."""
HANGOVER_FRAMES = 10
"""A shorter gap belongs to the speech around it: 200 ms, as in ITU-T P.56."""


def speech_frames(levels: Levels) -> Activity:
    """The loud frames, with clicks left out and short gaps filled."""
    return _without_runs(_without_runs(loud_frames(levels), MIN_SPEECH_FRAMES, of=True), HANGOVER_FRAMES, of=False)


def loud_frames(levels: Levels) -> Activity:
    """Frames whose level is above the threshold that divides the levels best (Otsu 1979).

    No frame, when the two halves differ by less than MIN_CONTRAST_DB.
    """
    none = np.zeros(levels.size, np.bool_)
    if not levels.size:
        return none
    bounded = np.maximum(levels, np.percentile(levels, 98) - RANGE_DB)
    if np.ptp(bounded) < MIN_CONTRAST_DB:
        return none
    loud: Activity = bounded > _otsu(bounded)
    return loud if bounded[loud].mean() - bounded[~loud].mean() >= MIN_CONTRAST_DB else none


def runs(active: Activity) -> list[tuple[int, int]]:
    """Where speech begins and where it ends, in frames."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], active, [False]))))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def _otsu(levels: Levels) -> float:
    """The threshold with the greatest variance between what is below and what is above it, to 1 dB."""
    counts, edges = np.histogram(levels, bins=int(np.ptp(levels)))
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = levels.size - below
    sums = np.cumsum(counts * centres)[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - ((counts * centres).sum() - sums) / above) ** 2
    return float(edges[1:-1][int(np.nanargmax(between))])


def _without_runs(active: Activity, shorter_than: int, *, of: bool) -> Activity:
    """Flips short runs of the value `of`; runs at the beginning and the end stay, since their length is unknown."""
    turned = active.copy()
    for begin, end in runs(active == of):
        if end - begin < shorter_than and begin > 0 and end < active.size:
            turned[begin:end] = not of
    return turned
