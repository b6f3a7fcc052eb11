"""Resampling that keeps its state from piece to piece."""

import numpy as np
import soxr

from .pcm import Frames, Samples


class Resampler:
    """Changes the sample rate of a stream by band-limited interpolation (libsoxr, quality HQ): of samples, or of
    `channel_count` channels.

    Pieces pushed one by one give the same samples as the whole pushed at once: n samples become n * to_hz / from_hz,
    within one sample. Some milliseconds are held back until later samples or `finish` come. Equal rates pass through
    untouched.
    """

    def __init__(self, from_hz: int, to_hz: int, channel_count: int | None = None) -> None:
        self.from_hz = from_hz
        self.to_hz = to_hz
        self._nothing = np.zeros(0 if channel_count is None else (0, channel_count), np.float32)
        self._stream = (
            None
            if from_hz == to_hz
            else soxr.ResampleStream(from_hz, to_hz, channel_count or 1, dtype="float32", quality="HQ")
        )

    def push(self, samples: Samples | Frames) -> Samples | Frames:
        """Takes audio at `from_hz`, shape (n,) or (n, channel_count); returns what is ready at `to_hz`, of m >= 0
        samples, as it came.
        """
        return self._take(samples, last=False)

    def finish(self) -> Samples | Frames:
        """Returns what was held back. Nothing may be pushed afterwards."""
        return self._take(self._nothing, last=True)

    def _take(self, samples: Samples | Frames, *, last: bool) -> Samples | Frames:
        if self._stream is None:
            return samples
        resampled: Samples | Frames = self._stream.resample_chunk(samples, last)
        return resampled
