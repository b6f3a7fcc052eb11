"""Trims the silence at the edges of a piece of speech while it passes."""

import numpy as np

from voicebox_tts.engine import Samples

from .runaway import SILENT

BEFORE_SECONDS = 0.12
"""Silence left before the first sound: a breath and the softest consonants lie in it."""
AFTER_SECONDS = 0.25
"""Silence left after the last sound: what a speaker leaves between sentences."""
FADE_SECONDS = 0.02
"""Sound that is cut off fades for so long, or it would click."""

NO_SAMPLES: Samples = np.zeros(0, np.float32)


class SilenceTrimmer:
    """For one piece of speech. Silence that may be the end is held back until sound follows."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._before, self._after, self._fade = (
            int(s * sample_rate_hz) for s in (BEFORE_SECONDS, AFTER_SECONDS, FADE_SECONDS)
        )
        self._held: Samples = NO_SAMPLES
        self._silent_samples = 0  # let through since the last sound
        self.has_sound = False

    def push(self, samples: Samples) -> Samples:
        """The samples that can be passed on now."""
        loud = np.flatnonzero(np.abs(samples) > SILENT)
        if not loud.size:
            return self._hold(samples)
        whole = np.concatenate((self._held, samples))
        if not self.has_sound:
            whole = whole[max(0, self._held.size + int(loud[0]) - self._before) :]
        tail = samples.size - int(loud[-1]) - 1
        self.has_sound, self._held, self._silent_samples = True, NO_SAMPLES, 0
        return np.concatenate((whole[: whole.size - tail], self._hold(whole[whole.size - tail :])))

    def cut(self, samples: Samples) -> Samples:
        """The last samples, faded out, where the rest is cut off."""
        last = self.push(samples).copy()
        fade = min(self._fade, last.size)
        last[last.size - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
        return last

    def _hold(self, silence: Samples) -> Samples:
        """Pass on what a pause may have, and hold the rest; before the first sound, hold only what may precede it."""
        self._held = np.concatenate((self._held, silence))
        if not self.has_sound:
            self._held = self._held[-self._before :]
            return NO_SAMPLES
        through = self._held[: max(0, self._after - self._silent_samples)]
        self._silent_samples += through.size
        self._held = self._held[through.size :]
        return through
