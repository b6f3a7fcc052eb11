"""What a person learns of a data set: how much of it is good, why clips are left out, and what to record next."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .clips import Clip
from .cutting import MIN_SECONDS

GOOD_MINUTES = 10.0
"""From this much speech trained voices hardly get better by more."""
MIN_QUESTIONS = 0.05
"""The share of questions in read English is about a tenth."""
MANY = 0.2
"""A reason that drops more of the clips is worth a sentence."""


@dataclass(frozen=True)
class Source:
    """A recording: its name in the data set, what it was uploaded as, and its length."""

    name: str
    origin: str
    seconds: float


def report(sources: Sequence[Source], clips: Sequence[Clip]) -> dict[str, Any]:
    """As JSON."""
    kept = [clip for clip in clips if clip.kept]
    reasons = Counter(drop.reason for clip in clips if not clip.kept for drop in clip.drops)
    return {
        "recorded_minutes": round(sum(source.seconds for source in sources) / 60, 2),
        "speech_minutes": round(_minutes(clips), 2),
        "kept_minutes": round(_minutes(kept), 2),
        "clip_count": len(clips),
        "kept_count": len(kept),
        "word_count": sum(len(clip.transcript.split()) for clip in kept),
        "dropped": dict(reasons.most_common()),
        "record_next": list(_advice(sources, clips, kept)),
        "recordings": [_recording(source, clips) for source in sources],
        "clips": [_line(clip) for clip in clips],
    }


UNUSED = f"No stretch of {MIN_SECONDS:g} s with speech is in it."


def _line(clip: Clip) -> dict[str, Any]:
    return {
        "name": clip.name,
        "recording": clip.recording,
        "begin_seconds": round(clip.begin_seconds, 3),
        "end_seconds": round(clip.end_seconds, 3),
        "kept": clip.kept,
        "snr_db": round(clip.measures.snr_db, 1),
        "clipping_ratio": round(clip.measures.clipping_ratio, 5),
        "loudness_lufs": round(clip.measures.loudness_lufs, 1),
        "transcript": clip.transcript,
        "confidence": clip.confidence,
        "dropped_because": [] if clip.kept else [f"{drop.reason}: {drop.sentence}" for drop in clip.drops],
    }


def _recording(source: Source, clips: Sequence[Clip]) -> dict[str, Any]:
    count = sum(clip.recording == source.name for clip in clips)
    line = {"name": source.name, "origin": source.origin, "seconds": round(source.seconds, 3), "clip_count": count}
    return line if count else {**line, "left_out": UNUSED}


def _advice(sources: Sequence[Source], clips: Sequence[Clip], kept: Sequence[Clip]) -> Iterator[str]:
    unused = len(sources) - len({clip.recording for clip in clips})
    if unused:
        yield f"{unused} of {len(sources)} recordings are left out: {UNUSED}"
    minutes = _minutes(kept)
    if minutes < GOOD_MINUTES:
        yield f"Record {GOOD_MINUTES - minutes:.0f} more minutes: {minutes:.1f} of {GOOD_MINUTES:g} are good."
    sentences = {drop.reason: drop.sentence for clip in clips for drop in clip.drops}
    reasons = Counter(drop.reason for clip in clips if not clip.kept for drop in clip.drops)
    for reason, count in reasons.most_common():
        if count > MANY * len(clips):
            yield f"{count} of {len(clips)} clips are left out for {reason}. {sentences[reason]}"
    questions = sum(clip.transcript.rstrip().endswith(("?", "؟", "？")) for clip in kept)
    if kept and questions < MIN_QUESTIONS * len(kept):
        yield "Record questions, too: a voice that never asked cannot raise its end."


def _minutes(clips: Sequence[Clip]) -> float:
    return sum(clip.seconds for clip in clips) / 60
