"""Samples as bytes and bytes as samples."""

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
"""Mono audio, shape (samples,), in [-1, 1]."""

Frames = NDArray[np.float32]
"""Audio of several channels, or of one, shape (samples, channels), in [-1, 1]."""

_FULL_SCALE = 32768.0


def to_s16le(samples: Samples) -> bytes:
    """Little-endian signed 16-bit samples. What lies outside [-1, 1] is clipped; -1 becomes -32768, 1 becomes 32767."""
    return bytes(np.clip(np.rint(samples * _FULL_SCALE), -32768, 32767).astype("<i2"))


def from_s16le(data: bytes) -> Samples:
    """Little-endian signed 16-bit samples as float32, shape (len(data) // 2,). ValueError when the length is odd."""
    return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(_FULL_SCALE)


class SampleJoiner:
    """Cuts a byte stream into whole frames: what ends in the middle of one waits for the next piece."""

    def __init__(self, frame_bytes: int = 2) -> None:
        self._frame_bytes = frame_bytes
        self._rest = b""

    def push(self, piece: bytes) -> bytes:
        """Takes bytes; returns the whole frames among what is there, maybe none."""
        joined = self._rest + piece
        whole = len(joined) - len(joined) % self._frame_bytes
        self._rest = joined[whole:]
        return joined[:whole]

    @property
    def rest(self) -> bytes:
        """The bytes of a frame that is not complete yet."""
        return self._rest
