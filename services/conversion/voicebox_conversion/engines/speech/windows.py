"""A stream in windows: each block is converted with what stands around it, and blocks are faded into each other."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from voicebox_audio.resample import Resampler

from voicebox_conversion.engine import Samples

UNIT_MS = 20
"""Blocks are counted in frames of the encoder of speech."""


@dataclass(frozen=True)
class Pace:
    """Of a stream, in units of 20 ms: how much is converted at a time, how much before and behind it is seen, and over
    how much of what is behind two blocks are faded.
    """

    block: int
    before: int
    ahead: int
    fade: int


LIVE = Pace(12, 75, 7, 2)
"""240 ms are converted at a time, 140 ms later."""
FILE = Pace(500, 50, 50, 2)


@dataclass(frozen=True)
class Window:
    """Some of a stream. `first` is its first unit, counted from the stream's beginning; of its units those from `begin`
    to before `end` are wanted, of which the last `fade` will be made again.
    """

    samples: Samples
    first: int
    begin: int
    end: int
    fade: int


class Convert(Protocol):
    """Called with window after window."""

    def __call__(self, window: Window) -> Samples:
        """The wanted units, at the rate of the stream."""


class WindowedSession:
    """As voicebox_conversion.engine.Session, but for `begin`. How a stream is cut into pieces changes nothing."""

    def __init__(self, convert: Convert, pace: Pace, rate_hz: int) -> None:
        self._convert, self._pace, self._unit = convert, pace, rate_hz * UNIT_MS // 1000
        self._held: Samples = np.zeros(0, np.float32)  # from the unit `_origin` on
        self._tail: Samples = np.zeros(0, np.float32)  # of the block before, to be faded out
        self._origin = self._next = self._received = self._made = 0

    def push(self, samples: Samples) -> Samples:
        self._received += len(samples)
        self._held = np.concatenate([self._held, samples])
        made: list[Samples] = []
        while len(self._held) >= (self._next + self._pace.block + self._pace.ahead - self._origin) * self._unit:
            made.append(self._block())
        return np.concatenate(made) if made else np.zeros(0, np.float32)

    def finish(self) -> Samples:
        """The rest: in all as many samples as came."""
        rest: list[Samples] = []
        while self._made < self._received:
            needed = (self._next + self._pace.block + self._pace.ahead - self._origin) * self._unit
            self._held = np.concatenate([self._held, np.zeros(max(needed - len(self._held), 0), np.float32)])
            rest.append(self._block())
        made = np.concatenate(rest) if rest else np.zeros(0, np.float32)
        return made[: len(made) - max(self._made - self._received, 0)]

    def _block(self) -> Samples:
        pace, begin = self._pace, self._next - self._origin
        end = begin + pace.block + pace.fade
        samples = self._held[: (begin + pace.block + pace.ahead) * self._unit]
        made = self._convert(Window(samples, self._origin, begin, end, pace.fade))
        fade = len(self._tail)
        if fade:
            rising = np.linspace(0.0, 1.0, fade, dtype=np.float32)
            made[:fade] = made[:fade] * rising + self._tail * (1 - rising)
        whole = pace.block * self._unit
        self._tail = made[whole:].copy()
        self._next += pace.block
        self._forget()
        self._made += whole
        return made[:whole]

    def _forget(self) -> None:
        old = max(self._next - self._pace.before, self._origin)
        self._held = self._held[(old - self._origin) * self._unit :]
        self._origin = old


def resampled(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """A whole window at another rate: as many samples as its time is long."""
    resampler = Resampler(from_hz, to_hz)
    made = np.concatenate([resampler.push(samples), resampler.finish()])
    count = len(samples) * to_hz // from_hz
    return np.pad(made, (0, max(count - len(made), 0)))[:count].astype(np.float32)
