"""Audio of a live stream that has arrived and is not recognised yet."""

import asyncio
from collections import deque
from enum import Enum, auto

import numpy as np
from voicebox_audio.pcm import Frames

from voicebox_asr.engine import SAMPLE_RATE_HZ, Samples

MAX_SECONDS = 30.0
"""The most audio that waits for a slow recogniser; then reading stops, and gRPC's flow control stops the client."""

MAX_PIECES = 3000
"""30 s of the smallest pieces that telephones send."""

JOINED_SAMPLES = SAMPLE_RATE_HZ
"""Waiting pieces are joined up to this length: each piece costs 0.3 ms."""


class Control(Enum):
    """What a live stream may hold besides audio."""

    END_UTTERANCE = auto()


BacklogItem = Samples | Frames | Control
"""Mixed samples, shape (n,), or channels side by side, shape (n, channels); or a control."""


class Backlog:
    """One stream's audio and controls, in order. Only `consumed` and `seconds` may be used outside the event loop."""

    def __init__(self) -> None:
        self._items: deque[BacklogItem] = deque()
        self._arrived = 0
        self._consumed = 0
        self._ended = False
        self._changed = asyncio.Condition()

    @property
    def seconds(self) -> float:
        """How much audio has arrived and is not recognised yet."""
        return (self._arrived - self._consumed) / SAMPLE_RATE_HZ

    def consumed(self, samples: int) -> None:
        """Count samples (of each channel) that were recognised."""
        self._consumed += samples

    async def put(self, item: BacklogItem) -> None:
        """Append an item; waits while too much audio is waiting."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.seconds < MAX_SECONDS and len(self._items) < MAX_PIECES)
            self._items.append(item)
            self._arrived += 0 if isinstance(item, Control) else len(item)
            self._changed.notify_all()

    async def end(self) -> None:
        """Nothing follows."""
        async with self._changed:
            self._ended = True
            self._changed.notify_all()

    async def get(self) -> BacklogItem | None:
        """The next item; None at the end. Called once the items before it are recognised."""
        async with self._changed:
            self._changed.notify_all()  # what was recognised since the last call made room
            await self._changed.wait_for(lambda: self._items or self._ended)
            return self._next() if self._items else None

    def _next(self) -> BacklogItem:
        item = self._items.popleft()
        if isinstance(item, Control):
            return item
        pieces, size = [item], len(item)
        while self._items and size < JOINED_SAMPLES and not isinstance(following := self._items[0], Control):
            pieces.append(following)
            size += len(following)
            self._items.popleft()
        return item if len(pieces) == 1 else np.concatenate(pieces)
