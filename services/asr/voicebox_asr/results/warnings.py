"""What a reader of a result should know."""

from collections.abc import Iterable
from dataclasses import replace

from voicebox_asr.engine import Decoding, Notice, Reason, Scores

from .utterance import Utterance

__all__ = ["Doubts", "Notice", "Reason", "doubts", "is_doubtful"]

COMPRESSION_RATIO, LOG_PROBABILITY = 2.4, -1.0
"""Whisper's own thresholds: above the one a text repeats itself, below the other it is unlikely."""

DEFAULTS = Decoding()


class Doubts:
    """Where an engine is not sure of what it wrote, by the thresholds that the caller set: one notice for
    neighbours.
    """

    def __init__(self, decoding: Decoding) -> None:
        self._decoding = decoding
        self._was_doubtful = False
        self.notices: list[Notice] = []

    def add(self, utterance: Utterance) -> None:
        """The next utterance, in their order."""
        is_now = is_doubtful(utterance.heard.scores, self._decoding)
        if is_now and self._was_doubtful:
            self.notices[-1] = replace(self.notices[-1], end_seconds=utterance.end_seconds)
        elif is_now:
            sentence = "What was heard here is unlikely or repeats itself, at every temperature that was tried."
            self.notices.append(Notice(Reason.LOW_CONFIDENCE, sentence, utterance.start_seconds, utterance.end_seconds))
        self._was_doubtful = is_now


def doubts(utterances: Iterable[Utterance], decoding: Decoding) -> tuple[Notice, ...]:
    """Those of a whole file."""
    found = Doubts(decoding)
    for utterance in utterances:
        found.add(utterance)
    return tuple(found.notices)


def is_doubtful(scores: Scores, decoding: Decoding = DEFAULTS) -> bool:
    """Whether a result fails a threshold. An engine answers such a result only when no temperature gave a better
    one.
    """
    ratio, most = scores.compression_ratio, decoding.compression_ratio_threshold
    log_probability, least = scores.average_log_probability, decoding.log_probability_threshold
    repeats = ratio is not None and ratio > (COMPRESSION_RATIO if most is None else most)
    unlikely = log_probability is not None and log_probability < (LOG_PROBABILITY if least is None else least)
    return repeats or unlikely
