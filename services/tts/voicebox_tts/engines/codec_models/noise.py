"""The random numbers of a stream: the same on every device, alone or beside other streams."""

import numpy as np
from numpy.typing import NDArray

BLOCK_FRAMES = 64
"""Drawn at once, about 5 s of speech: setting up the generator takes longer than drawing the numbers."""


class SamplingNoise:
    """Uniform numbers in [0, 1), addressed by seed, frame and code group, with Philox, a counter-based generator.

    Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11.
    """

    def __init__(self, seed: int, num_code_groups: int) -> None:
        """`seed` is a uint32."""
        self._seed, self._num_code_groups = seed, num_code_groups
        self._block = -1
        self._numbers = np.empty((0, num_code_groups), np.float32)

    def frame(self, index: int) -> NDArray[np.float32]:
        """The numbers of a frame, shape (num_code_groups,): one for each code."""
        block, row = divmod(index, BLOCK_FRAMES)
        if block != self._block:
            # The generator counts from the lowest word up: each block has a higher word of its own.
            bits = np.random.Philox(key=self._seed, counter=[0, 0, block, 0]).random_raw(
                (BLOCK_FRAMES, self._num_code_groups)
            )
            self._numbers = (bits >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
            self._block = block
        numbers: NDArray[np.float32] = self._numbers[row]
        return numbers
