"""Speech from one pause to the next, in its stream."""

from dataclasses import dataclass

from voicebox_asr.engine import Hypothesis


@dataclass(frozen=True)
class Utterance:
    """A hypothesis; all times, the words' too, are seconds from the stream's start.

    `channel` counts from 1, 0 for all of them mixed. `speaker` is as in `speaker-1`; empty without diarization.
    """

    index: int
    hypothesis: Hypothesis
    start_seconds: float
    end_seconds: float
    channel: int = 0
    speaker: str = ""
