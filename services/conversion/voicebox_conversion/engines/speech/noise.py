"""Noise that belongs to the place in a stream: whatever window a frame is converted in, it has the same."""

import numpy as np
from numpy.typing import NDArray

_CHUNK = 64


def noise(seed: int, kind: int, first: int, count: int, width: int) -> NDArray[np.float32]:
    """Normally distributed, shape (count, width), for the frames from `first` on; `kind` tells two uses apart."""
    chunks = range(first // _CHUNK, (first + count - 1) // _CHUNK + 1)
    drawn = [
        np.random.default_rng([seed, kind, chunk]).standard_normal((_CHUNK, width), np.float32) for chunk in chunks
    ]
    begin = first - chunks[0] * _CHUNK
    return np.concatenate(drawn)[begin : begin + count]
