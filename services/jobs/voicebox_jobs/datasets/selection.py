"""Which clips are left out, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from voicebox_audio.recordings.quality import QualityLimit, QualityLimits, Verdict, judge

from .clips import Clip, Drop

LIMITS = QualityLimits(
    snr_db=QualityLimit(25.0, 15.0), clipping=QualityLimit(0.0005, 0.005), lufs=QualityLimit(-40, -50)
)
"""Stricter than for a reference: a model learns the noise of all its clips."""


@dataclass(frozen=True)
class SelectionLimits:
    """From where on a transcript is not believed."""

    min_confidence: float = 0.5
    """The share of words that the recogniser is sure of: below this the transcript is likely wrong."""
    min_characters_per_second: float = 4.0
    max_characters_per_second: float = 30.0
    """English is read at 12 to 18; what lies outside has missing words, or too many."""


def selected(clips: Sequence[Clip], limits: SelectionLimits = SelectionLimits()) -> list[Clip]:
    """The clips with the reasons against each, in the same order."""
    main = main_speakers(clips)
    return [replace(clip, drops=tuple(_drops(clip, main, limits))) for clip in clips]


def main_speakers(clips: Sequence[Clip]) -> dict[str, str]:
    """Who speaks longest in each recording, where its speakers are known."""
    seconds = dict[str, dict[str, float]]()
    for clip in clips:
        if clip.speaker:
            of_recording = seconds.setdefault(clip.recording, {})
            of_recording[clip.speaker] = of_recording.get(clip.speaker, 0.0) + clip.seconds
    return {recording: max(speakers, key=speakers.__getitem__) for recording, speakers in seconds.items()}


def _drops(clip: Clip, main: dict[str, str], limits: SelectionLimits) -> Iterator[Drop]:
    for finding in judge(clip.measures, LIMITS).findings:
        if finding.verdict is Verdict.REJECT:
            yield Drop(finding.reason, finding.message)
    if clip.speaker != main.get(clip.recording, clip.speaker):
        yield Drop("OTHER_SPEAKER", "Somebody else speaks in it: a voice is trained from one speaker.")
    letters = sum(map(str.isalnum, clip.transcript))
    if not letters:
        yield Drop("NO_WORDS", "No words were recognised in it.")
        return
    if clip.confidence is not None and clip.confidence < limits.min_confidence:
        sentence = (
            f"The recogniser is not sure of its words ({clip.confidence:.0%}): correct the transcript to keep it."
        )
        yield Drop("TRANSCRIPT_UNSURE", sentence)
    rate = len(clip.transcript) / clip.seconds
    if not limits.min_characters_per_second <= rate <= limits.max_characters_per_second:
        sentence = f"{rate:.0f} characters in a second are not what a person says: correct the transcript to keep it."
        yield Drop("TRANSCRIPT_DIFFERS", sentence)
