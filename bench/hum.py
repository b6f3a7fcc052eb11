"""A recording of nobody, for benchmarks of cloned voices."""

import numpy as np
from voicebox_tts.engine import Samples

RATE_HZ = 24_000


def hum(seconds: float) -> Samples:
    """A voiced sound at RATE_HZ: 120 Hz and its overtones."""
    overtones = np.arange(1, 20)[:, None]
    times = np.arange(int(RATE_HZ * seconds)) / RATE_HZ
    made: Samples = (0.2 * (np.sin(2 * np.pi * 120 * overtones * times) / overtones).sum(axis=0)).astype(np.float32)
    return made
