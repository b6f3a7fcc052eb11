"""Trims the silence at the edges of a piece of speech while it passes."""

import numpy as np

from voicebox_tts.engine import Samples

from .runaway import SILENT

BEFORE_SECONDS = 0.12
"""Silence kept before the first sound: a breath and the softest consonants lie in it."""
AFTER_SECONDS = 0.25
"""Silence kept after the last sound: what a speaker leaves between sentences."""
FADE_SECONDS = 0.02
"""Sound that is cut off fades for so long, or it would click."""

NOTHING: Samples = np.zeros(0, np.float32)


class Edges:
    """One piece of speech. What may turn out to be silence at its end is held back until sound follows."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._before, self._after, self._fade = (
            int(s * sample_rate_hz) for s in (BEFORE_SECONDS, AFTER_SECONDS, FADE_SECONDS)
        )
        self._held: Samples = NOTHING
        self._silent_samples = 0  # let through since the last sound
        self.has_sounded = False

    def push(self, samples: Samples) -> Samples:
        """What may be heard now of what came so far."""
        loud = np.flatnonzero(np.abs(samples) > SILENT)
        if not loud.size:
            return self._hold(samples)
        whole = np.concatenate((self._held, samples))
        if not self.has_sounded:
            whole = whole[max(0, self._held.size + int(loud[0]) - self._before) :]
        tail = samples.size - int(loud[-1]) - 1
        self.has_sounded, self._held, self._silent_samples = True, NOTHING, 0
        return np.concatenate((whole[: whole.size - tail], self._hold(whole[whole.size - tail :])))

    def cut(self, samples: Samples) -> Samples:
        """The last of it, where the rest is cut off: it fades."""
        last = self.push(samples).copy()
        fade = min(self._fade, last.size)
        last[last.size - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
        return last

    def _hold(self, silence: Samples) -> Samples:
        """Let through what a pause may have, and keep the rest; before the first sound, no more than may precede it."""
        self._held = np.concatenate((self._held, silence))
        if not self.has_sounded:
            self._held = self._held[-self._before :]
            return NOTHING
        through = self._held[: max(0, self._after - self._silent_samples)]
        self._silent_samples += through.size
        self._held = self._held[through.size :]
        return through
