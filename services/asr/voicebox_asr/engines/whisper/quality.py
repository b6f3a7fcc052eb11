"""Judges Whisper's text as the paper does in section 4.5: repetitive or unlikely text is decoded again."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from voicebox_asr.engine import Decoding


@dataclass(frozen=True)
class Quality:
    """The thresholds. `temperatures` are tried in order; at 0 decoding searches with `beam_size`, above it samples."""

    beam_size: int = 5
    temperatures: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    compression_ratio_threshold: float = 2.4
    log_probability_threshold: float = -1.0
    no_speech_threshold: float = 0.6

    @classmethod
    def of(cls, decoding: Decoding) -> "Quality":
        """The caller's values, and the defaults for the rest."""
        given = {
            "beam_size": decoding.beam_size,
            "temperatures": decoding.temperatures or None,
            "compression_ratio_threshold": decoding.compression_ratio_threshold,
            "log_probability_threshold": decoding.log_probability_threshold,
            "no_speech_threshold": decoding.no_speech_threshold,
        }
        return cls(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]  # by name


@dataclass(frozen=True)
class Attempt:
    """What was written at one temperature."""

    tokens: tuple[int, ...]
    text: str
    average_log_probability: float
    no_speech_probability: float
    temperature: float

    @property
    def compression_ratio(self) -> float:
        """How much shorter the text gets by compression: over 2.4 it repeats itself."""
        data = self.text.encode()
        return len(data) / len(zlib.compress(data))


def is_silence(attempt: Attempt, quality: Quality) -> bool:
    """Whether nothing was said: the model says so, and is not sure of what it wrote all the same."""
    unsure = attempt.average_log_probability <= quality.log_probability_threshold
    return unsure and attempt.no_speech_probability > quality.no_speech_threshold


def is_good(attempt: Attempt, quality: Quality) -> bool:
    """Whether no further temperature is to be tried."""
    repetitive = attempt.compression_ratio > quality.compression_ratio_threshold
    unlikely = attempt.average_log_probability < quality.log_probability_threshold
    return is_silence(attempt, quality) or not (repetitive or unlikely)


def best(attempts: Sequence[Attempt], quality: Quality) -> Attempt:
    """The last attempt when it is good, otherwise the likeliest, one that does not repeat itself if there is any.

    No attempt was good then: the answer's temperature is the last one, as a sign of that.
    """
    if is_good(attempts[-1], quality):
        return attempts[-1]
    sober = [attempt for attempt in attempts if attempt.compression_ratio <= quality.compression_ratio_threshold]
    likeliest = max(sober or attempts, key=lambda attempt: attempt.average_log_probability)
    return replace(likeliest, temperature=attempts[-1].temperature)
