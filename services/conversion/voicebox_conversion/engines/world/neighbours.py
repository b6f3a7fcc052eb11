"""Finds the frames of a voice that sound most like given ones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .statistics import Statistics
from .vocoder import Array

CONTEXT = 3
"""Frames before and after one that are compared, too."""
_COEFFICIENTS = slice(1, 25)
_CONTEXT_WEIGHT = 0.6
DIMENSIONS = 24
_NEIGHBOURS = 8
_MAX_FRAMES = 8_000
"""Of a voice, 40 s: those of longer recordings are thinned out."""

Bank = NDArray[np.float32]


@dataclass(frozen=True)
class Neighbours:
    """The frames of a voice: what they are compared by (n, DIMENSIONS), their cepstra (n, ORDER), whether each is
    voiced (n,); `projection` turns what is compared of given frames into the same dimensions.
    """

    keys: Bank
    cepstra: Bank
    voiced: NDArray[np.bool_]
    projection: Bank

    def nearest(self, compared: Array, is_voiced: NDArray[np.bool_]) -> Array:
        """The mean of the nearest frames to each of `compared`, see `compared_by`: shape (n, ORDER)."""
        keys = (compared @ self.projection).astype(np.float32)
        found = np.empty((len(keys), self.cepstra.shape[1]))
        for flag in (True, False):
            asked, base = np.flatnonzero(is_voiced == flag), np.flatnonzero(self.voiced == flag)
            if len(asked):
                found[asked] = self._mean(keys[asked], base if len(base) else np.arange(len(self.keys)))
        return found

    def _mean(self, keys: Bank, base: NDArray[np.intp]) -> Array:
        bank = self.keys[base]
        squares = (keys**2).sum(axis=1)[:, None] - 2.0 * keys @ bank.T + (bank**2).sum(axis=1)
        count = min(_NEIGHBOURS, len(base))
        best = np.argpartition(squares, count - 1, axis=1)[:, :count]
        apart = np.sqrt(np.maximum(np.take_along_axis(squares, best, axis=1), 0.0))
        weights = 1.0 / (apart + 1e-3)
        weights /= weights.sum(axis=1, keepdims=True)
        mean: Array = (self.cepstra[base][best] * weights[..., None]).sum(axis=1)
        return mean


def compared_by(cepstra: Array, speaker: Statistics) -> Array:
    """What frames are compared by: their cepstra as the speaker deviates from the mean, with the frames around them."""
    own = (cepstra[:, _COEFFICIENTS] - speaker.mean[_COEFFICIENTS]) / speaker.deviation[_COEFFICIENTS]
    padded = np.pad(own, ((CONTEXT, CONTEXT), (0, 0)), mode="edge")
    weights = [1.0 if offset == CONTEXT else _CONTEXT_WEIGHT for offset in range(2 * CONTEXT + 1)]
    return np.concatenate([padded[i : i + len(own)] * weight for i, weight in enumerate(weights)], axis=1)


def bank(cepstra: Array, voiced: NDArray[np.bool_], speaker: Statistics) -> Neighbours:
    """The frames of a voice, compared in the dimensions in which they differ most."""
    compared = compared_by(cepstra, speaker)
    step = -(-len(compared) // _MAX_FRAMES)
    centred = compared - compared.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    projection = vectors[:, : -DIMENSIONS - 1 : -1]
    keys = (compared @ projection).astype(np.float32)[::step]
    return Neighbours(keys, cepstra[::step].astype(np.float32), voiced[::step], projection.astype(np.float32))
