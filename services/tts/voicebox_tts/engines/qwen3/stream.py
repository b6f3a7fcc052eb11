"""One stream between the thread that makes it and the one that reads it."""

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from voicebox_kit.errors import VoiceboxError

from ...engine import Samples

Codes = NDArray[np.int64]
"""Shape (frames, groups)."""

FEW_CHUNKS, MOST_CHUNKS = 2, 4
"""Frames are made when a reader has fewer chunks before it than the first, and then of all streams that have fewer than the second.

So streams that are ahead are made in step: each on its own, they would cost the model a frame for every frame of every one of them. A chunk
of 8 frames is 0.64 s.
"""


@dataclass(frozen=True)
class Chunk:
    """Some frames and their sound. `cut`: they are the last ones, and the model had not come to its end."""

    codes: Codes
    samples: Samples
    cut: bool


class Stream:
    """One stream, as its reader sees it. `changed` wakes the batching thread, `readable` the reader; both are of one lock."""

    def __init__(self, changed: threading.Condition, readable: threading.Condition) -> None:
        self._changed, self._readable = changed, readable
        self._chunks: deque[Chunk] = deque()
        self._failure: VoiceboxError | None = None
        self._ended = False
        self.closed = False

    def __iter__(self) -> Iterator[Chunk]:
        """The chunks as they are made. Raises Exhausted when the device's memory does not do, Unavailable when the model fails."""
        while chunk := self._next():
            yield chunk

    def close(self) -> None:
        """Nobody reads on: the model stops before its next frame. From any thread, at any time."""
        with self._changed:
            self.closed = True
            self._chunks.clear()
            self._readable.notify_all()
            self._changed.notify_all()

    def _next(self) -> Chunk | None:
        with self._readable:
            self._readable.wait_for(lambda: self._chunks or self._ended or self.closed)
            if self._chunks:
                self._changed.notify_all()
                return self._chunks.popleft()
            if self._failure:
                raise self._failure
            return None

    # The rest is the batching thread's, which holds the lock.

    @property
    def is_wanted(self) -> bool:
        """Whether its reader will soon have nothing to read, or has left."""
        return len(self._chunks) < FEW_CHUNKS or self.closed

    @property
    def is_full(self) -> bool:
        """Whether its reader is behind."""
        return len(self._chunks) >= MOST_CHUNKS

    def put(self, chunk: Chunk) -> None:
        if not self.closed:
            self._chunks.append(chunk)
            self._readable.notify_all()

    def end(self, failure: VoiceboxError | None = None) -> None:
        self._ended, self._failure = True, failure
        self._readable.notify_all()
