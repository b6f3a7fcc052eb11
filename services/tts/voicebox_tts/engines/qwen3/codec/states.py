"""Keeps the codec's state after a voice's own recording, with which each of the voice's streams begins."""

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
    """States by the codes that they come after; the least recently used are thrown out first. Thread-safe."""

    def __init__(self, warm: "Callable[[NDArray[np.int64]], CodecState]", most_bytes: int = MAX_BYTES) -> None:
        self._warm, self._most_bytes = warm, most_bytes
        self._kept: OrderedDict[bytes, CodecState] = OrderedDict()
        self._lock = threading.Lock()
        self._making = threading.Lock()

    def after(self, codes: NDArray[np.int64]) -> "CodecState | None":
        """The state after codes of shape (frames, groups); None after none. Computed once."""
        if not len(codes):
            return None
        key = hashlib.sha256(codes.tobytes()).digest()
        if (known := self._known(key)) is not None:
            return known
        with self._making:
            if (known := self._known(key)) is not None:
                return known
            made = self._warm(codes)
            self._keep(key, made)
            return made

    def _known(self, key: bytes) -> "CodecState | None":
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key]

    def _keep(self, key: bytes, state: "CodecState") -> None:
        with self._lock:
            self._kept[key] = state
            while len(self._kept) > 1 and sum(each.size_bytes for each in self._kept.values()) > self._most_bytes:
                self._kept.popitem(last=False)
