"""Packs a file's speech into windows that a model reads at once, cut in pauses."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from voicebox_asr.engine import SAMPLE_RATE_HZ, Samples

FRAME_SAMPLES = 512
"""32 ms are used or left out as one."""

FRAME_SECONDS = FRAME_SAMPLES / SAMPLE_RATE_HZ

PADDING_FRAMES = round(0.4 / FRAME_SECONDS)
"""Audio used before and after speech: weak consonants are no speech to the detector, and pauses end sentences."""

PAUSE_FRAMES = round(0.16 / FRAME_SECONDS)
"""A pause in which a window may be cut: shorter ones are within words."""

LONGEST_GAP_SECONDS = 5.0
"""A window ends with a silence longer than this: what is said after it has little to do with what was said before."""

Activity = NDArray[np.float32]
"""The cost of a cut at each frame, shape (frames,): the probability of speech, or the level in dB."""

Frame = tuple[int, Samples, float]
"""A frame of a stream: its number, its audio, shape (512,), and its activity."""


@dataclass(frozen=True)
class Window:
    """Audio for one run of a model, without silences. `frames` are the numbers of its frames in the stream.

    `speech` marks those with speech, shape (frames,); it is empty without voice activity detection.
    """

    samples: Samples = field(repr=False)
    frames: NDArray[np.int64] = field(repr=False)
    speech: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_), repr=False)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.samples.size / SAMPLE_RATE_HZ

    def at(self, seconds: float) -> float:
        """The time in the stream of audio that begins at `seconds` of the window."""
        return self._stream_seconds(round(seconds * SAMPLE_RATE_HZ) // FRAME_SAMPLES, seconds)

    def until(self, seconds: float) -> float:
        """The time in the stream of audio that ends at `seconds` of the window."""
        return self._stream_seconds((round(seconds * SAMPLE_RATE_HZ) - 1) // FRAME_SAMPLES, seconds)

    def cut(self, start_seconds: float, end_seconds: float) -> "Window":
        """The part between two times, which are rounded to frames."""
        start, end = (round(seconds / FRAME_SECONDS) for seconds in (start_seconds, end_seconds))
        return Window(
            self.samples[start * FRAME_SAMPLES : end * FRAME_SAMPLES], self.frames[start:end], self.speech[start:end]
        )

    def _stream_seconds(self, index: int, seconds: float) -> float:
        index = min(max(index, 0), self.frames.size - 1)
        return float(self.frames[index] - index) * FRAME_SECONDS + seconds


class Packer:
    """One file's windows. Its clock is the number of frames that it was given."""

    def __init__(self, longest_seconds: float, pause: float | None) -> None:
        """A window is cut at its last pause: where the activity is at most `pause`, or, for None, lowest."""
        self._longest = ceil(longest_seconds / FRAME_SECONDS)  # 30.016 s for 30 s: live utterances end by frames too
        self._pause = pause
        self._samples: list[Samples] = []
        self._frames: list[int] = []
        self._activity: list[float] = []

    def add(self, frame: int, samples: Samples, activity: float) -> Iterator[Window]:
        """Add the stream's frame number `frame`; yields the window that it completes, if any."""
        if self._frames and (frame - self._frames[-1]) * FRAME_SECONDS > LONGEST_GAP_SECONDS:
            yield self._take(len(self._frames))
        elif len(self._frames) == self._longest:
            yield self._take(last_pause(np.array(self._activity, np.float32), self._pause))
        self._frames.append(frame)
        self._samples.append(samples)
        self._activity.append(activity)

    def finish(self) -> Iterator[Window]:
        """The file ends; yields the last window, if there is anything in it."""
        if self._frames:
            yield self._take(len(self._frames))

    def _take(self, count: int) -> Window:
        activity = np.array(self._activity[:count], np.float32)
        speech = np.zeros(0, np.bool_) if self._pause is None else activity >= self._pause
        window = Window(np.concatenate(self._samples[:count]), np.array(self._frames[:count]), speech)
        del self._samples[:count], self._frames[:count], self._activity[:count]
        return window


def last_pause(activity: Activity, pause: float | None) -> int:
    """The frame before which to cut, in the last half: after the last pause, or where it is quietest."""
    smooth = np.convolve(activity, np.full(PAUSE_FRAMES, 1.0 / PAUSE_FRAMES), "valid")
    half = smooth[smooth.size // 2 :]
    bar = max(pause, half.min()) if pause is not None else half.min()
    return smooth.size // 2 + int(np.flatnonzero(half <= bar)[-1]) + PAUSE_FRAMES // 2 + 1


class Windows:
    """One file's windows, found as its samples come in."""

    def __init__(self, longest_seconds: float, speech: "SpeechTracker | None" = None) -> None:
        """Without `speech` nothing is left out, and windows are cut where it is quietest."""
        self._speech = speech
        self._packer = Packer(longest_seconds, speech.release if speech else None)
        self._rest: Samples = np.zeros(0, np.float32)
        self._frame = 0
        self._seen_samples = 0

    @property
    def speech_seconds(self) -> float:
        """How much of the audio so far is speech."""
        frames = self._speech.frames if self._speech else self._frame
        return min(frames * FRAME_SECONDS, self._seen_samples / SAMPLE_RATE_HZ)

    def push(self, samples: Samples) -> Iterator[Window]:
        """Take the next samples, shape (n,); yields the windows that they complete."""
        self._seen_samples += samples.size
        joined = np.concatenate((self._rest, samples))
        whole = joined.size - joined.size % FRAME_SAMPLES
        self._rest = joined[whole:]
        if whole:
            yield from self._follow(joined[:whole].reshape(-1, FRAME_SAMPLES))

    def finish(self) -> Iterator[Window]:
        """The file ends; yields the last windows."""
        missing = -self._rest.size % FRAME_SAMPLES
        if missing:
            yield from self._follow(np.pad(self._rest, (0, missing))[np.newaxis])
        for window in self._packer.finish():
            is_padded = window.frames[-1] == self._seen_samples // FRAME_SAMPLES
            yield replace(window, samples=window.samples[: window.samples.size - missing]) if is_padded else window

    def _follow(self, frames: Samples) -> Iterator[Window]:
        for frame, samples, activity in self._speech.select(frames) if self._speech else self._all(frames):
            yield from self._packer.add(frame, samples, activity)

    def _all(self, frames: Samples) -> Iterator[Frame]:
        for samples, level in zip(frames, levels(frames), strict=True):
            yield self._frame, samples, level
            self._frame += 1


class SpeechTracker:
    """Finds which frames of a stream hold speech, and selects them with those around them."""

    def __init__(self, probability: Callable[[Samples], Activity], threshold: float, release: float) -> None:
        """`probability` is of the next frames. Speech begins at `threshold` and ends below `release`."""
        self.release = release
        self.frames = 0
        """How many frames held speech so far."""
        self._probability = probability
        self._threshold = threshold
        self._before: deque[Frame] = deque(maxlen=PADDING_FRAMES)
        self._after = 0
        self._seen = 0
        self._speaking = False

    def select(self, frames: Samples) -> Iterator[Frame]:
        """Take the next frames, shape (frames, 512); yields those to use, as far as that is decided."""
        for samples, probability in zip(frames, self._probability(frames.reshape(-1)), strict=True):
            self._speaking = bool(probability >= (self.release if self._speaking else self._threshold))
            self._before.append((self._seen, samples, probability))
            self._seen += 1
            if self._speaking:
                self.frames += 1
                self._after = PADDING_FRAMES
            elif self._after:
                self._after -= 1
            else:
                continue
            yield from self._before
            self._before.clear()


def levels(frames: Samples) -> Activity:
    """The level of each frame in dB, for shape (frames, samples)."""
    power = np.mean(np.square(frames), axis=1)
    return np.asarray(10.0 * np.log10(power + 1e-10), np.float32)
