"""How a recording of a voice is prepared before a codec encodes it."""

import numpy as np
import soxr
from numpy.typing import NDArray
from voicebox_kit.errors import InvalidField

from voicebox_tts.engine import LONGEST_REFERENCE_SECONDS, Samples
from voicebox_tts.engines.likeness import profile

CUT_AFTER_SECONDS = 20.0
"""What is too long ends at the quietest moment between this and LONGEST_REFERENCE_SECONDS."""

MOMENT_SECONDS = 0.02
PAUSE_SECONDS = 0.2
QUIET = 0.03
"""Of the loud moments' level: -30 dB. Pauses are below, in all but the noisiest recordings."""


def prepared(samples: Samples, rate_hz: int, wanted_hz: int) -> Samples:
    """At most 30 s at `wanted_hz`; InvalidField("reference") when they hold too little speech."""
    samples = shortened(samples, rate_hz)
    if (
        not len(samples) or profile(samples - samples.mean(), rate_hz) is None
    ):  # a constant would be taken for a voiced sound
        sentence = "The recording holds less than a third of a second of voiced speech."
        raise InvalidField("reference", sentence, "REFERENCE_TOO_LITTLE_SPEECH")
    resampled: Samples = soxr.resample(samples, rate_hz, wanted_hz)
    return np.clip(resampled, -1.0, 1.0)


def shortened(samples: Samples, rate_hz: int) -> Samples:
    """At most 30 s, from the first sound to a pause."""
    if len(samples) <= LONGEST_REFERENCE_SECONDS * rate_hz:
        return samples
    moment = int(MOMENT_SECONDS * rate_hz)
    first = max(0, int(np.argmax(audible(samples, rate_hz))) * moment - int(PAUSE_SECONDS * rate_hz))
    part = samples[first : first + LONGEST_REFERENCE_SECONDS * rate_hz]
    levels = np.convolve(loudness(part, rate_hz), np.ones(int(PAUSE_SECONDS / MOMENT_SECONDS)), "same")
    earliest = min(int(CUT_AFTER_SECONDS / MOMENT_SECONDS), len(levels) - 1)
    return part[: (earliest + int(np.argmin(levels[earliest:]))) * moment]


def audible(samples: Samples, rate_hz: int) -> NDArray[np.bool_]:
    """Whether each moment of 20 ms is part of a sound, (moments,)."""
    levels = loudness(samples, rate_hz)
    return levels > QUIET * np.percentile(levels, 95) if len(levels) else np.zeros(0, np.bool_)


def loudness(samples: Samples, rate_hz: int) -> NDArray[np.float32]:
    """The level of each moment of 20 ms, (moments,)."""
    moment = max(1, int(MOMENT_SECONDS * rate_hz))
    whole = samples[: len(samples) // moment * moment].reshape(-1, moment)
    levels: NDArray[np.float32] = np.sqrt(np.square(whole).mean(axis=1))
    return levels
