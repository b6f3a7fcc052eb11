"""Resampling that keeps its state from piece to piece."""

import numpy as np
import soxr

from voicebox_sound.pcm import Samples

_NOTHING = np.zeros(0, np.float32)


class Resampler:
    """Changes the sample rate of a mono stream by band-limited interpolation (libsoxr, quality HQ).

    Pieces pushed one by one give the same samples as the whole pushed at once: n samples become n * to_hz / from_hz, within one sample.
    Some milliseconds are held back until later samples or `finish` come. Equal rates pass through untouched.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self.from_hz = from_hz
        self.to_hz = to_hz
        self._stream = None if from_hz == to_hz else soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")

    def push(self, samples: Samples) -> Samples:
        """Takes samples at `from_hz`, shape (n,); returns those at `to_hz` that are ready, shape (m,), m >= 0."""
        return self._take(samples, last=False)

    def finish(self) -> Samples:
        """Returns what was held back. Nothing may be pushed afterwards."""
        return self._take(_NOTHING, last=True)

    def _take(self, samples: Samples, *, last: bool) -> Samples:
        if self._stream is None:
            return samples
        resampled: Samples = self._stream.resample_chunk(samples, last)
        return resampled
