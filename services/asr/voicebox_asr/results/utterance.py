"""What was said from one pause to the next, placed in its stream."""

from dataclasses import dataclass

from voicebox_asr.engine import Heard


@dataclass(frozen=True)
class Utterance:
    """A hypothesis; all times, the words' too, are seconds from the stream's start.

    `channel` counts from 1, 0 for all of them mixed. `speaker` is who says it, such as `speaker-1`; empty when that was
    not asked.
    """

    index: int
    heard: Heard
    start_seconds: float
    end_seconds: float
    channel: int = 0
    speaker: str = ""
