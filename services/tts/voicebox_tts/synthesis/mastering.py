"""What is done to an utterance's audio before it is encoded, as its job asks."""

import numpy as np
from voicebox_audio.mastering import Leveller, Limiter, Trimmer

from voicebox_tts.engine import Samples
from voicebox_tts.job import Processing
from voicebox_tts.watermark import WatermarkStream

_NOTHING: Samples = np.zeros(0, np.float32)
DEFAULT_CEILING_DBTP = -1.0
"""Where a loudness is asked for and no true peak: what was made louder must not clip."""


class Mastering:
    """Trims, levels, limits and watermarks one stream, at the rate that is sent. Each voice has its own gain."""

    def __init__(self, processing: Processing, sample_rate_hz: int, watermark: WatermarkStream | None = None) -> None:
        self._target_lufs, self._rate = processing.loudness_lufs, sample_rate_hz
        self._trimmer = Trimmer(sample_rate_hz) if processing.trim_silence else None
        self._levellers = dict[int, Leveller]()
        self._voice = 0
        ceiling = processing.true_peak_dbtp
        if ceiling is None and self._target_lufs is not None:
            ceiling = DEFAULT_CEILING_DBTP
        self._limiter = None if ceiling is None else Limiter(sample_rate_hz, ceiling)
        self._watermark = watermark

    @property
    def left_out_samples(self) -> int:
        """How much silence was left out before the first sound."""
        return self._trimmer.left_out_samples if self._trimmer else 0

    def push(self, samples: Samples) -> Samples:
        """Take samples, shape (n,); returns what is ready."""
        return self._marked(self._limited(self._levelled(self._trimmer.push(samples) if self._trimmer else samples)))

    def hand_over(self, voice: int) -> Samples:
        """Another voice, by its number, speaks what follows; returns what is ready of the one before."""
        ready = self._leveller.finish() if self._target_lufs is not None else None
        self._voice = voice
        return self._marked(self._limited(ready)) if ready is not None else _NOTHING

    def finish(self) -> Samples:
        """The rest; nothing may be pushed afterwards."""
        rest = self._levelled(self._trimmer.finish()) if self._trimmer else _NOTHING
        if self._target_lufs is not None:
            rest = np.concatenate((rest, self._leveller.finish()))
        if self._limiter:
            rest = np.concatenate((self._limited(rest), self._limiter.finish()))
        return np.concatenate((self._watermark.push(rest), self._watermark.finish())) if self._watermark else rest

    def drop(self) -> None:
        """Forget what is held back."""
        for each in (self._trimmer, self._limiter, self._watermark, *self._levellers.values()):
            if each:
                each.drop()

    @property
    def _leveller(self) -> Leveller:
        assert self._target_lufs is not None
        if self._voice not in self._levellers:
            self._levellers[self._voice] = Leveller(self._rate, self._target_lufs)
        return self._levellers[self._voice]

    def _levelled(self, samples: Samples) -> Samples:
        return samples if self._target_lufs is None else self._leveller.push(samples)

    def _marked(self, samples: Samples) -> Samples:
        return self._watermark.push(samples) if self._watermark else samples

    def _limited(self, samples: Samples) -> Samples:
        return self._limiter.push(samples) if self._limiter else samples
