"""What is done to speech while it streams: silence around it is left out, its loudness set, its peaks limited.

Each of these takes a mono stream in pieces, `push` and `finish`, and holds some of it back. Samples are in [-1, 1].
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .loudness import OVERSAMPLING, LoudnessMeter
from .pcm import Samples
from .resample import Resampler

LOOK_AHEAD_SECONDS = 3.0
"""How much speech is measured before the first of it is sent."""
MOST_GAIN_DB = 24.0
QUIET_LUFS = -60.0
"""What is quieter is no speech, and is not made louder."""
SILENCE = 10 ** (-50 / 20)
"""Samples of no more are silence where it is left out."""
LEAD_SECONDS, TAIL_SECONDS = 0.02, 0.05
"""Silence that stays around speech, so that its soft beginnings and ends are whole."""
MOST_HELD_SECONDS = 15.0
LIMITER_SECONDS = 0.005
"""How long before a peak the limiter begins to turn down, and how long after it is back."""


class Leveller:
    """Brings speech to a loudness by one gain, measured over its first LOOK_AHEAD_SECONDS, or over all of it where it
    is shorter. So the gain does not pump; what is later louder or softer stays so.
    """

    def __init__(self, sample_rate_hz: int, target_lufs: float) -> None:
        self._target_lufs, self._most_held = target_lufs, round(LOOK_AHEAD_SECONDS * sample_rate_hz)
        self._meter = LoudnessMeter(sample_rate_hz)
        self._held: list[Samples] = []
        self._held_samples = 0
        self._gain: np.float32 | None = None

    def push(self, samples: Samples) -> Samples:
        """Take samples, shape (n,); returns what is ready."""
        if self._gain is not None:
            return samples * self._gain
        self._meter.push(samples[: self._most_held - self._held_samples])
        self._held.append(samples)
        self._held_samples += len(samples)
        return self.finish() if self._held_samples >= self._most_held else samples[:0]

    def finish(self) -> Samples:
        """What is held back; more may follow, at the gain that is known now."""
        held = np.concatenate([np.zeros(0, np.float32), *self._held])
        self._held, self._held_samples = [], 0
        if self._gain is None and len(held):
            self._gain = np.float32(10 ** (self._gain_db() / 20))
        return held if self._gain is None else held * self._gain

    def drop(self) -> None:
        """Forget what is held back."""
        self._held, self._held_samples = [], 0

    def _gain_db(self) -> float:
        lufs = self._meter.lufs
        return 0.0 if lufs < QUIET_LUFS else min(self._target_lufs - lufs, MOST_GAIN_DB)


class Trimmer:
    """Leaves out the silence before and after speech. `left_out_samples` are those before it."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._lead, self._tail = round(LEAD_SECONDS * sample_rate_hz), round(TAIL_SECONDS * sample_rate_hz)
        self._most_held = round(MOST_HELD_SECONDS * sample_rate_hz)
        self._held: Samples = np.zeros(0, np.float32)
        self._has_begun = False
        self._tail_ends = 0  # counted from the beginning of what is held
        self.left_out_samples = 0

    def push(self, samples: Samples) -> Samples:
        """Take samples, shape (n,); returns what is ready. Silence after speech is held back until it is known whether
        more speech follows, up to MOST_HELD_SECONDS.
        """
        joined = np.concatenate((self._held, samples))
        loud = np.flatnonzero(np.abs(joined) > SILENCE)
        if not self._has_begun:
            begin = max(int(loud[0]) - self._lead, 0) if loud.size else max(len(joined) - self._lead, 0)
            self.left_out_samples += begin
            joined, loud = joined[begin:], loud - begin
            self._has_begun = bool(loud.size)
        if loud.size:
            self._tail_ends = int(loud[-1]) + 1 + self._tail
        end = max(min(self._tail_ends, len(joined)), len(joined) - self._most_held)
        self._tail_ends = max(self._tail_ends - end, 0)
        self._held = joined[end:]
        return joined[:end]

    def finish(self) -> Samples:
        """Leaves out what is held back; the end of a stream of nothing but silence is kept."""
        held, self._held = self._held, self._held[:0]
        return held[:0] if self._has_begun else held

    def drop(self) -> None:
        """Forget what is held back."""
        self._held = self._held[:0]


class Limiter:
    """Turns down what would exceed a true peak, for LIMITER_SECONDS around it; the rest is not touched.

    The true peak is that of ITU-R BS.1770-4, annex 2. The gain is a moving average of a moving minimum of what each
    sample allows, over the same window: so it is smooth, and nowhere greater than allowed.
    """

    def __init__(self, sample_rate_hz: int, ceiling_dbtp: float) -> None:
        self._ceiling, self._reach = 10 ** (ceiling_dbtp / 20), round(LIMITER_SECONDS * sample_rate_hz)
        self._oversampler = Resampler(sample_rate_hz, OVERSAMPLING * sample_rate_hz)
        self._waiting: Samples = np.zeros(0, np.float32)  # not sent yet; the first of them are measured
        self._measured = 0
        self._peaks: Samples = np.zeros(0, np.float32)  # oversampled, of those that are not measured yet
        self._allowed: Samples = np.ones(2 * self._reach, np.float32)  # gains, of what came before what waits, too

    def push(self, samples: Samples) -> Samples:
        """Take samples, shape (n,); returns what is ready."""
        self._waiting = np.concatenate((self._waiting, samples))
        self._peaks = np.concatenate((self._peaks, np.abs(self._oversampler.push(samples))))
        return self._ready()

    def finish(self) -> Samples:
        """What is held back; more may follow."""
        self._peaks = np.concatenate((self._peaks, np.abs(self._oversampler.finish())))
        missing = OVERSAMPLING * len(self._waiting) - len(self._peaks)
        self._peaks = np.pad(self._peaks, (0, max(missing, 0)))[: OVERSAMPLING * len(self._waiting)]
        self._allow()
        self._allowed = np.concatenate((self._allowed, np.ones(2 * self._reach, np.float32)))
        ready = self._limited()
        self.drop()
        return ready

    def drop(self) -> None:
        """Forget what is held back."""
        self._oversampler = Resampler(self._oversampler.from_hz, self._oversampler.to_hz)
        self._waiting, self._measured = self._waiting[:0], 0
        self._peaks, self._allowed = self._peaks[:0], np.ones(2 * self._reach, np.float32)

    def _ready(self) -> Samples:
        self._allow()
        return self._limited()

    def _allow(self) -> None:
        count = min(len(self._peaks) // OVERSAMPLING, len(self._waiting) - self._measured)
        peaks = self._peaks[: count * OVERSAMPLING].reshape(count, OVERSAMPLING).max(axis=1, initial=0.0)
        new = np.abs(self._waiting[self._measured : self._measured + count])
        allowed = self._ceiling / np.maximum(np.maximum(peaks, new), self._ceiling)
        self._peaks = self._peaks[count * OVERSAMPLING :]
        self._allowed = np.concatenate((self._allowed, allowed.astype(np.float32)))
        self._measured += count

    def _limited(self) -> Samples:
        count = min(len(self._allowed) - 4 * self._reach, len(self._waiting))
        if count <= 0:
            return self._waiting[:0]
        ready, self._waiting = self._waiting[:count], self._waiting[count:]
        around, self._allowed = self._allowed[: count + 4 * self._reach], self._allowed[count:]
        self._measured -= count
        return ready if float(around.min()) >= 1.0 else ready * _smooth(around, self._reach)


def _smooth(allowed: Samples, reach: int) -> NDArray[np.float32]:
    """The gains of all but the first and last 2 * reach of these samples."""
    window = 2 * reach + 1
    least = sliding_window_view(allowed, window).min(axis=1).astype(np.float64)
    sums = np.concatenate(([0.0], np.cumsum(least)))
    return ((sums[window:] - sums[:-window]) / window).astype(np.float32)
