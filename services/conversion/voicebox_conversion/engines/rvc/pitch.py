"""The pitch of speech in frames of 10 ms, by SwiftF0: a small network whose weights come in its package."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from voicebox_kit.errors import StartError

from voicebox_conversion.engine import Samples
from voicebox_conversion.engines.speech.encoder import RATE_HZ

from .config import FRAME_MS, PITCH_STEPS

FRAME_SAMPLES = RATE_HZ * FRAME_MS // 1000
LOWEST_HZ, HIGHEST_HZ = 50.0, 1100.0
VOICED = 0.5
"""The confidence from which a frame is voiced."""

Hertz = NDArray[np.float32]


class PitchTracker(Protocol):
    """What finds the pitch. Thread-safe."""

    def track(self, samples: Samples) -> Hertz:
        """For samples at RATE_HZ, one frame for each FRAME_SAMPLES of them; 0 where there is no voice."""


class SwiftPitch:
    """SwiftF0, in one thread. It needs 176 ms behind a frame to be sure."""

    def __init__(self) -> None:
        """StartError where its package is not installed."""
        try:
            from swift_f0 import SwiftF0  # noqa: PLC0415 - only who loads this engine needs it
        except ImportError as error:
            raise StartError(f"The pitch tracker swift-f0 is not installed: {error}.") from error
        self._detector: Any = SwiftF0(threads=1, spin=False)

    def track(self, samples: Samples) -> Hertz:
        count = len(samples) // FRAME_SAMPLES
        if count == 0:
            return np.zeros(0, np.float32)
        found = self._detector.detect(samples, RATE_HZ, LOWEST_HZ, HIGHEST_HZ)
        return in_frames(found.timestamps, np.where(found.confidence >= VOICED, found.pitch_hz, 0.0), count)


def in_frames(seconds: NDArray[np.float64], hertz: NDArray[np.float64], count: int) -> Hertz:
    """Pitches at some times as those of `count` frames: voiced where the nearest one is, and between two that are
    voiced on the line between their logarithms.
    """
    times = np.arange(count) * (FRAME_MS / 1000)
    voiced = hertz > 0
    if not voiced.any():
        return np.zeros(count, np.float32)
    middles = (seconds[1:] + seconds[:-1]) / 2
    is_voiced = voiced[np.searchsorted(middles, times)]
    between = np.exp(np.interp(times, seconds[voiced], np.log(hertz[voiced])))
    return np.where(is_voiced, between, 0.0).astype(np.float32)


def steps(f0_hz: Hertz) -> NDArray[np.int64]:
    """The pitch as the encoder takes it: 1 to 255, even on the mel scale; 1 where there is no voice."""
    lowest, highest = _mel(LOWEST_HZ), _mel(HIGHEST_HZ)
    mel = (_mel(f0_hz.astype(np.float64)) - lowest) * (PITCH_STEPS - 2) / (highest - lowest) + 1
    made: NDArray[np.int64] = np.rint(np.clip(np.where(f0_hz > 0, mel, 1.0), 1, PITCH_STEPS - 1)).astype(np.int64)
    return made


def _mel(hertz: Any) -> Any:
    return 1127.0 * np.log1p(hertz / 700.0)


class PitchLine:
    """The pitch of a stream as it was decided, frame after frame, and where the sine stands before each."""

    def __init__(self) -> None:
        self._f0: Hertz = np.zeros(0, np.float32)
        self._origin = 0
        self._turns = 0.0  # before the frame `_origin`

    @property
    def decided(self) -> int:
        """The first frame that is not decided yet."""
        return self._origin + len(self._f0)

    def decide(self, f0_hz: Hertz) -> None:
        """The next frames."""
        self._f0 = np.concatenate([self._f0, f0_hz])

    def window(self, first: int, provisional: Hertz) -> tuple[Hertz, NDArray[np.float64]]:
        """From the frame `first` on: the pitch, with what is not decided yet behind it, and the turns before each
        frame. What is older is forgotten.
        """
        self._forget(first)
        f0 = np.concatenate([self._f0, provisional])
        turned = np.cumsum(f0.astype(np.float64)) * (FRAME_MS / 1000)
        return f0, (self._turns + np.concatenate([[0.0], turned[:-1]])) % 1.0

    def _forget(self, first: int) -> None:
        old = first - self._origin
        self._turns = (self._turns + float(self._f0[:old].astype(np.float64).sum()) * (FRAME_MS / 1000)) % 1.0
        self._f0, self._origin = self._f0[old:], first


class RunningPitch:
    """The mean of the logarithm of a speaker's pitch, as far as it is known."""

    def __init__(self) -> None:
        self._sum = self._count = 0.0

    def add(self, f0_hz: Hertz) -> None:
        voiced = f0_hz[f0_hz > 0]
        self._sum += float(np.log(voiced).sum())
        self._count += len(voiced)

    def mean(self, prior: float, weight: float) -> float:
        """With a little of what is expected, as so many frames."""
        return (self._sum + weight * prior) / max(self._count + weight, 1e-9)
