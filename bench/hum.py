"""A recording of nobody, for benchmarks of cloned voices."""

import numpy as np
from voicebox_tts.engine import Samples

RATE_HZ = 24_000


def hum(seconds: float) -> Samples:
    """A voiced sound at RATE_HZ: 120 Hz and its overtones."""
    overtones = np.arange(1, 20)[:, None]
    waves: Samples = (np.sin(2 * np.pi * 120 * overtones * np.arange(int(RATE_HZ * seconds)) / RATE_HZ) / overtones).astype(np.float32)
    return 0.2 * waves.sum(axis=0)
