"""One stream between the thread that makes it and the one that reads it."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray
from voicebox_kit.errors import VoiceboxError

from voicebox_tts.engine import Samples

Codes = NDArray[np.int64]
"""(frames, num_code_groups)"""

MIN_CHUNKS, MAX_CHUNKS = 2, 4
"""Frames are made when a reader has fewer chunks before it than the first, and then of all streams that have fewer than
the second.

So streams that are ahead are made in step: each on its own, they would cost the model a frame for every frame of every
one of them. A chunk of 8 frames is 0.64 s.
"""


@dataclass(frozen=True)
class FrameChunk:
    """Some frames and their audio. `cut`: they are the last ones, and the model had not come to its end."""

    codes: Codes
    samples: Samples
    cut: bool


class Stream:
    """One stream, as its reader sees it. A queue in C: with a lock of Python's, each chunk would wake threads that wait
    for each other.
    """

    def __init__(self, changed: threading.Condition) -> None:
        """`changed` wakes the batcher's thread. A stream holds nothing else of the batcher: it keeps no model alive."""
        self._changed = changed
        self._made: SimpleQueue[FrameChunk | VoiceboxError | None] = SimpleQueue()  # None is the end
        self.closed = False

    def __iter__(self) -> Iterator[FrameChunk]:
        """The chunks as they are made. Raises Exhausted when the device's memory does not do, Unavailable when the
        model fails.
        """
        while not self.closed:
            made = self._made.get()
            if not isinstance(made, FrameChunk):
                self.closed = True
                if made:
                    raise made
            elif not self.closed:
                if self.is_wanted:
                    self._wake()
                yield made

    def close(self) -> None:
        """Stop reading: the model stops before its next frame. From any thread, at any time."""
        self.closed = True
        self._made.put(None)
        self._wake()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    # The rest is for the batcher's thread.

    @property
    def is_wanted(self) -> bool:
        """Whether its reader will soon have nothing to read, or has left."""
        return self._made.qsize() < MIN_CHUNKS or self.closed

    @property
    def is_full(self) -> bool:
        """Whether its reader is behind."""
        return self._made.qsize() >= MAX_CHUNKS

    def put(self, chunk: FrameChunk) -> None:
        self._made.put(chunk)

    def end(self, failure: VoiceboxError | None = None) -> None:
        self._made.put(failure)
