"""What responses of both versions of Google's speech API share."""

from voicebox.asr.v1 import asr_pb2

MIN_STABILITY, MAX_STABILITY = 0.01, 0.9
"""An interim of which nothing is settled, and all: 0 would mean that it is not known."""


def transcript(hypothesis: asr_pb2.Hypothesis, *, is_first: bool) -> str:
    """The text; all but the first begin with a space, as Google's: its clients join results as they are."""
    return hypothesis.transcript if is_first or not hypothesis.transcript else f" {hypothesis.transcript}"


def stability(interim: asr_pb2.Hypothesis) -> float:
    """By how much of the text will stay."""
    settled = len(interim.stable_transcript) / max(1, len(interim.transcript))
    return MIN_STABILITY + (MAX_STABILITY - MIN_STABILITY) * settled


def speaker_number(speaker: str) -> int:
    """Speakers are numbered: `speaker-1` is 1, and 0 is unknown."""
    return int(speaker.removeprefix("speaker-") or 0)
