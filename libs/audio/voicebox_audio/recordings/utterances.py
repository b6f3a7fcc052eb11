"""Cuts a long recording into utterances at its pauses."""

from dataclasses import dataclass

import numpy as np

from .voice_activity import FRAME_SECONDS, Levels, runs, speech_frames

MARGIN_FRAMES = 8
"""What is left of the pause before and behind an utterance: 160 ms, so that no consonant is cut off."""
FREE_PAUSE_FRAMES = 50
"""Cutting at a pause of a second costs nothing; at a shorter one, the more the shorter it is."""
SHORT_COST = 100.0
"""An utterance that is too short is lost: worse than any cut."""
SMOOTHING_FRAMES = 5


@dataclass(frozen=True)
class FrameSpan:
    """Frames from `begin` up to, not including, `end`."""

    begin: int
    end: int

    @property
    def frames(self) -> int:
        return self.end - self.begin


def utterances(levels: Levels, min_seconds: float, max_seconds: float) -> list[FrameSpan]:
    """The utterances in order, each of `min_seconds` to `max_seconds` with a little silence around it; none without
    speech.

    Speech is cut at its pauses, the longer the better; where there is none for `max_seconds`, where it is quietest.
    What stands alone between long pauses and is shorter than `min_seconds` takes of these pauses, or is left out.
    """
    min_frames, max_frames = round(min_seconds / FRAME_SECONDS), round(max_seconds / FRAME_SECONDS)
    spans = [FrameSpan(*run) for run in runs(speech_frames(levels))]
    spans = [piece for span in spans for piece in _cut_long(span, levels, min_frames, max_frames - 2 * MARGIN_FRAMES)]
    groups = _grouped(spans, min_frames, max_frames - 2 * MARGIN_FRAMES)
    padded = (_padded(groups, index, min_frames, levels.size) for index in range(len(groups)))
    return [group for group in padded if group.frames >= min_frames]


def _cut_long(span: FrameSpan, levels: Levels, min_frames: int, max_frames: int) -> list[FrameSpan]:
    """A span without a pause, in pieces of at most `max_frames` frames, cut where it is quietest."""
    smooth = np.convolve(levels, np.full(SMOOTHING_FRAMES, 1 / SMOOTHING_FRAMES), "same")
    pieces = []
    while span.frames > max_frames:
        first = min(span.begin + min_frames, span.end - 1)
        last = max(min(span.begin + max_frames, span.end - min_frames), first + 1)
        cut = first + int(np.argmin(smooth[first:last]))
        pieces.append(FrameSpan(span.begin, cut))
        span = FrameSpan(cut, span.end)
    return [*pieces, span]


def _grouped(spans: list[FrameSpan], min_frames: int, max_frames: int) -> list[FrameSpan]:
    """Neighbours joined so that the cuts between them cost the least (dynamic programming over where a group ends)."""
    best: list[tuple[float, int]] = [(0.0, 0)]  # of the first n spans: the cost, and where their last group begins
    for end in range(1, len(spans) + 1):
        costs = []
        for begin in range(end - 1, -1, -1):
            frames = spans[end - 1].end - spans[begin].begin
            if frames > max_frames and begin < end - 1:
                break
            pause = spans[begin].begin - spans[begin - 1].end if begin else FREE_PAUSE_FRAMES
            cost = (
                1
                - min(pause / FREE_PAUSE_FRAMES, 1)
                + (SHORT_COST * (1 - frames / min_frames) if frames < min_frames else 0)
            )
            costs.append((best[begin][0] + cost, begin))
        best.append(min(costs))
    groups = []
    end = len(spans)
    while end:
        begin = best[end][1]
        groups.append(FrameSpan(spans[begin].begin, spans[end - 1].end))
        end = begin
    return groups[::-1]


def _padded(groups: list[FrameSpan], index: int, min_frames: int, frames: int) -> FrameSpan:
    """With a margin at both ends, more of it when it is too short, but no more than half of the pause to its
    neighbours.
    """
    group = groups[index]
    before = group.begin - groups[index - 1].end if index else 2 * group.begin
    behind = groups[index + 1].begin - group.end if index + 1 < len(groups) else 2 * (frames - group.end)
    wanted = max(MARGIN_FRAMES, -(-(min_frames - group.frames) // 2))
    left, right = min(wanted, before // 2), min(wanted, behind // 2)
    missing = min_frames - group.frames - left - right
    if missing > 0:  # one side has too little: the other gives more
        left, right = min(left + missing, before // 2), min(right + missing, behind // 2)
    return FrameSpan(group.begin - left, group.end + right)
