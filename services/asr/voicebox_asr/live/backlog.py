"""What has arrived of a live stream and was not heard yet."""

import asyncio
from collections import deque
from enum import Enum, auto

import numpy as np
from voicebox_audio.pcm import Frames

from voicebox_asr.engine import SAMPLE_RATE_HZ, Samples

LONGEST_SECONDS = 30.0
"""So much sound waits for a recogniser that is behind; then the stream is read no further, and gRPC's flow control
stops the client.
"""

MOST_PIECES = 3000
"""So many pieces at most: 30 s of the smallest that telephones send."""

JOINED_SAMPLES = SAMPLE_RATE_HZ
"""Pieces that wait are heard together, so much at once: each time costs 0.3 ms."""


class Control(Enum):
    """What a live stream may hold besides sound."""

    END_UTTERANCE = auto()


Item = Samples | Frames | Control
"""Mixed samples, shape (n,), or channels side by side, shape (n, channels); or a control."""


class Backlog:
    """One stream's sound, with the controls in their places. Only `heard` and `seconds` may be used outside the event
    loop.
    """

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._arrived = 0
        self._heard = 0
        self._ended = False
        self._changed = asyncio.Condition()

    @property
    def seconds(self) -> float:
        """How much sound has arrived and was not heard yet."""
        return (self._arrived - self._heard) / SAMPLE_RATE_HZ

    def heard(self, samples: int) -> None:
        """So many more samples (of each channel) were heard."""
        self._heard += samples

    async def put(self, item: Item) -> None:
        """Add what comes next; waits while there is too much already."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.seconds < LONGEST_SECONDS and len(self._items) < MOST_PIECES)
            self._items.append(item)
            self._arrived += 0 if isinstance(item, Control) else len(item)
            self._changed.notify_all()

    async def end(self) -> None:
        """Nothing comes any more."""
        async with self._changed:
            self._ended = True
            self._changed.notify_all()

    async def get(self) -> Item | None:
        """What comes next, once all before it was heard; None at the end."""
        async with self._changed:
            self._changed.notify_all()  # what was heard since the last time made room
            await self._changed.wait_for(lambda: self._items or self._ended)
            return self._next() if self._items else None

    def _next(self) -> Item:
        item = self._items.popleft()
        if isinstance(item, Control):
            return item
        pieces, size = [item], len(item)
        while self._items and size < JOINED_SAMPLES and not isinstance(following := self._items[0], Control):
            pieces.append(following)
            size += len(following)
            self._items.popleft()
        return item if len(pieces) == 1 else np.concatenate(pieces)
