"""Warnings about results."""

from collections.abc import Iterable
from dataclasses import replace

from voicebox_asr.engine import Decoding, RecognitionWarning, Scores, WarningReason

from .utterance import Utterance

__all__ = [
    "LowConfidenceWarnings",
    "RecognitionWarning",
    "WarningReason",
    "has_low_confidence",
    "low_confidence_warnings",
]

COMPRESSION_RATIO, LOG_PROBABILITY = 2.4, -1.0
"""Whisper's own thresholds: above the one a text repeats itself, below the other it is unlikely."""

DEFAULTS = Decoding()


class LowConfidenceWarnings:
    """Finds utterances that fail the caller's thresholds: one warning for neighbours."""

    def __init__(self, decoding: Decoding) -> None:
        self._decoding = decoding
        self._was_low = False
        self.warnings: list[RecognitionWarning] = []

    def add(self, utterance: Utterance) -> None:
        """The next utterance, in their order."""
        is_low = has_low_confidence(utterance.hypothesis.scores, self._decoding)
        if is_low and self._was_low:
            self.warnings[-1] = replace(self.warnings[-1], end_seconds=utterance.end_seconds)
        elif is_low:
            sentence = "What was recognised here is unlikely or repeats itself, at every temperature that was tried."
            self.warnings.append(
                RecognitionWarning(
                    WarningReason.LOW_CONFIDENCE, sentence, utterance.start_seconds, utterance.end_seconds
                )
            )
        self._was_low = is_low


def low_confidence_warnings(utterances: Iterable[Utterance], decoding: Decoding) -> tuple[RecognitionWarning, ...]:
    """The warnings for a whole file."""
    found = LowConfidenceWarnings(decoding)
    for utterance in utterances:
        found.add(utterance)
    return tuple(found.warnings)


def has_low_confidence(scores: Scores, decoding: Decoding = DEFAULTS) -> bool:
    """Whether a result fails a threshold. Engines return such a result only when no temperature gave a better one."""
    ratio, maximum = scores.compression_ratio, decoding.compression_ratio_threshold
    log_probability, minimum = scores.average_log_probability, decoding.log_probability_threshold
    repeats = ratio is not None and ratio > (COMPRESSION_RATIO if maximum is None else maximum)
    unlikely = log_probability is not None and log_probability < (LOG_PROBABILITY if minimum is None else minimum)
    return repeats or unlikely
