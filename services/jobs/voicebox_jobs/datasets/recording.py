"""A decoded recording on disk, of which any stretch can be read without the rest."""

import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from voicebox_audio.pcm import Samples

HEADER_BYTES = 44
BLOCK_SECONDS = 10
FULL_SCALE = np.float32(32_768)


@dataclass(frozen=True)
class Recording:
    """16-bit samples, shape (n,)."""

    samples: NDArray[np.int16]
    sample_rate_hz: int

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sample_rate_hz

    def stretch(self, begin_seconds: float, end_seconds: float) -> Samples:
        """The samples between two times, -1 to 1."""
        begin, end = round(begin_seconds * self.sample_rate_hz), round(end_seconds * self.sample_rate_hz)
        return _scaled(self.samples[begin:end])

    def blocks(self) -> Iterator[Samples]:
        """All of it, BLOCK_SECONDS at a time."""
        size = BLOCK_SECONDS * self.sample_rate_hz
        for start in range(0, len(self.samples), size):
            yield _scaled(self.samples[start : start + size])


def opened(path: Path) -> Recording:
    """A file as `inputs.wav` writes it. It stays on disk, and is read as it is needed."""
    with wave.open(str(path)) as file:
        rate_hz = file.getframerate()
    if path.stat().st_size == HEADER_BYTES:
        return Recording(np.zeros(0, np.int16), rate_hz)
    return Recording(np.memmap(path, "<i2", "r", HEADER_BYTES), rate_hz)


def _scaled(samples: NDArray[np.int16]) -> Samples:
    scaled: Samples = samples.astype(np.float32) / FULL_SCALE
    return scaled
