"""Frames of one speaker become frames of another."""

from dataclasses import dataclass

import numpy as np

from voicebox_conversion.engine import Options

from .neighbours import CONTEXT, Neighbours, compared_by
from .statistics import Statistics
from .vocoder import FRAMES_PER_SECOND, HIGHEST_HZ, LOWEST_HZ, Array, Frames, power_of

SMOOTHING = np.hanning(9)[1:-1] / np.hanning(9)[1:-1].sum()
"""Of what is taken from recordings frame by frame: without it the neighbours of neighbours jump."""
MARGIN = CONTEXT + len(SMOOTHING) // 2
"""Frames before and behind those that are converted, which the nearest ones need."""
FARTHEST = 4.0
"""Deviations from the mean that are carried over: pauses and clicks are farther away, and would become loud noise."""
MOST_NEAREST = 0.5
"""The largest share of the target's own frames: with all of it words are lost, WER 0.6 to 0.9."""
_KEPT = float(np.exp(-1.0 / FRAMES_PER_SECOND))


@dataclass(frozen=True)
class Target:
    """Whose voice it becomes."""

    statistics: Statistics
    neighbours: Neighbours


def nearest_share(options: Options) -> float:
    """How much of each frame comes from the target's recordings, 0 to MOST_NEAREST."""
    return max(2.0 * options.strength - 1.0, 0.0) * MOST_NEAREST


def pitch(f0_hz: Array, source: Statistics, target: Target, options: Options) -> Array:
    """The pitch, shape (n,), moved and stretched to the target's."""
    voiced = f0_hz > 0
    stretch = target.statistics.pitch_deviation / source.pitch_deviation
    moved = target.statistics.pitch_mean + options.pitch_semitones * np.log(2.0) / 12.0
    converted = np.zeros_like(f0_hz)
    converted[voiced] = np.exp((np.log(f0_hz[voiced]) - source.pitch_mean) * stretch + moved)
    return np.where(voiced, np.clip(converted, LOWEST_HZ / 2, 2 * HIGHEST_HZ), 0.0)


def envelope(frames: Frames, source: Statistics, target: Target, options: Options, first: int, last: int) -> Array:
    """The spectral envelopes of the frames from `first` to before `last`, shape (last - first, BINS)."""
    if options.strength <= 0.0:
        return frames.power[first:last]
    cepstra = frames.cepstra[first:last]
    share = nearest_share(options)
    apart = np.clip((cepstra - source.mean) / source.deviation, -FARTHEST, FARTHEST)
    full = target.statistics.mean + apart * target.statistics.deviation
    if share:
        full = (1.0 - share) * full + share * _nearest(frames, source, target, first, last)
    colour = min(2.0 * options.strength, 1.0)
    changed = cepstra + colour * (full - cepstra)
    changed[:, 0] = cepstra[:, 0]
    return power_of(changed)


def _nearest(frames: Frames, source: Statistics, target: Target, first: int, last: int) -> Array:
    compared = compared_by(frames.cepstra, source)
    around = slice(max(first - len(SMOOTHING) // 2, 0), last + len(SMOOTHING) // 2)
    found = target.neighbours.nearest(compared[around], frames.is_voiced[around])
    before = len(SMOOTHING) // 2 - (first - around.start)
    behind = len(SMOOTHING) - 1 - before - (len(found) - (last - first))
    padded = np.pad(found, ((before, max(behind, 0)), (0, 0)), mode="edge")
    return np.stack([SMOOTHING @ padded[i : i + len(SMOOTHING)] for i in range(last - first)])


class Loudness:
    """Makes converted envelopes as loud as those that they were made of, in the mean of the last second: within a
    sound, loudness is a part of the voice's colour.
    """

    def __init__(self) -> None:
        self._source = self._converted = 1e-12

    def matched(self, converted: Array, source: Array) -> Array:
        """The envelopes, shape (n, BINS), with their new loudness."""
        gains = np.empty(len(source))
        for frame, (to, made) in enumerate(zip(source.sum(axis=1), converted.sum(axis=1), strict=True)):
            self._source = _KEPT * self._source + to
            self._converted = _KEPT * self._converted + made
            gains[frame] = self._source / self._converted
        return converted * gains[:, None]
