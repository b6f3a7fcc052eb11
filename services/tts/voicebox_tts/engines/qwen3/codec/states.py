"""Caches the codec's state after a voice's own recording, with which each of the voice's streams begins."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # it imports torch
    from .decoder import CodecState

MAX_BYTES = 256 << 20
"""A state of the released codec takes 5 MB: 50 voices."""


class CodecStateCache:
    """States by the codes that they come after; the least recently used are removed first. Thread-safe."""

    def __init__(self, compute: "Callable[[NDArray[np.int64]], CodecState]", max_bytes: int = MAX_BYTES) -> None:
        self._compute, self._max_bytes = compute, max_bytes
        self._cached: OrderedDict[bytes, CodecState] = OrderedDict()
        self._lock = threading.Lock()
        self._computing = threading.Lock()

    def after(self, codes: NDArray[np.int64]) -> "CodecState | None":
        """The state after codes of shape (frames, num_quantizers); None after none. Computed once."""
        if not len(codes):
            return None
        key = hashlib.sha256(codes.tobytes()).digest()
        if (known := self._known(key)) is not None:
            return known
        with self._computing:
            if (known := self._known(key)) is not None:
                return known
            made = self._compute(codes)
            self._add(key, made)
            return made

    def _known(self, key: bytes) -> "CodecState | None":
        with self._lock:
            if key not in self._cached:
                return None
            self._cached.move_to_end(key)
            return self._cached[key]

    def _add(self, key: bytes, state: "CodecState") -> None:
        with self._lock:
            self._cached[key] = state
            while len(self._cached) > 1 and sum(each.size_bytes for each in self._cached.values()) > self._max_bytes:
                self._cached.popitem(last=False)
