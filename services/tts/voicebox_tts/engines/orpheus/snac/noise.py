"""The noise of SNAC's decoder, which makes breath and hiss: the same for the same seed and frame, in any chunk."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

WORD = 1
"""Where the generator's counter differs from that of the noise by which codes are sampled."""


def frame_noise(seed: int, frame: int, lengths: Sequence[int]) -> list[NDArray[np.float32]]:
    """Normal numbers for each block of the decoder, (length,) each; `seed` is a uint32."""
    source = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, frame, WORD]))
    numbers = source.standard_normal(sum(lengths), np.float32)
    return np.split(numbers, np.cumsum(lengths)[:-1])
