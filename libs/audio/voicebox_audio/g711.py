"""Telephone audio: G.711 mu-law and A-law, 8 bits for each sample.

ITU-T recommendation G.711, tables 1 and 2.
"""

import numpy as np
from numpy.typing import NDArray

_CODES = np.arange(256, dtype=np.int32)
_MU_BIAS = 0x84


def mulaw_to_s16le(data: bytes) -> bytes:
    """mu-law bytes as little-endian signed 16-bit samples."""
    return _MU_LAW[np.frombuffer(data, np.uint8)].tobytes()


def alaw_to_s16le(data: bytes) -> bytes:
    """A-law bytes as little-endian signed 16-bit samples."""
    return _A_LAW[np.frombuffer(data, np.uint8)].tobytes()


def s16le_to_mulaw(data: bytes) -> bytes:
    """Little-endian signed 16-bit samples as mu-law bytes, each the nearest that there is."""
    return _nearest(data, _MU_LAW)


def s16le_to_alaw(data: bytes) -> bytes:
    """Little-endian signed 16-bit samples as A-law bytes, each the nearest that there is."""
    return _nearest(data, _A_LAW)


def _nearest(data: bytes, values: NDArray[np.int16]) -> bytes:
    order = np.argsort(values, kind="stable")
    ordered = values[order].astype(np.int32)
    bounds = (ordered[1:] + ordered[:-1]) / 2
    return order.astype(np.uint8)[np.searchsorted(bounds, np.frombuffer(data, "<i2"))].tobytes()


def _mu_law() -> NDArray[np.int16]:
    code = ~_CODES & 0xFF
    size = (((code & 0xF) << 3) + _MU_BIAS) << (code >> 4 & 7)
    return np.where(code & 0x80, _MU_BIAS - size, size - _MU_BIAS).astype("<i2")


def _a_law() -> NDArray[np.int16]:
    code = _CODES ^ 0x55
    segment, step = code >> 4 & 7, (code & 0xF) << 4
    size = np.where(segment == 0, step + 8, (step + 0x108) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, size, -size).astype("<i2")


_MU_LAW, _A_LAW = _mu_law(), _a_law()
