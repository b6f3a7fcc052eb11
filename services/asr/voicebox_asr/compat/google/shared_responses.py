"""What the answers of both versions of Google's speech API have in common."""

from voicebox.asr.v1 import asr_pb2

LEAST_STABILITY, MOST_STABILITY = 0.01, 0.9
"""An interim of which nothing is settled, and all: 0 would mean that it is not known."""


def transcript(heard: asr_pb2.Hypothesis, *, is_first: bool) -> str:
    """The text; all but the first begin with a space, as Google's: its clients join results as they are."""
    return heard.transcript if is_first or not heard.transcript else f" {heard.transcript}"


def stability(interim: asr_pb2.Hypothesis) -> float:
    """By how much of the text will stay."""
    settled = len(interim.stable_transcript) / max(1, len(interim.transcript))
    return LEAST_STABILITY + (MOST_STABILITY - LEAST_STABILITY) * settled


def speaker_number(speaker: str) -> int:
    """The speaker's number: 1 for `speaker-1`, 0 for none."""
    return int(speaker.removeprefix("speaker-") or 0)
