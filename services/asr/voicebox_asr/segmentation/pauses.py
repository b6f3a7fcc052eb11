"""Cuts segments: into utterances at the speaker's pauses, and by the times of their words."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from voicebox_asr.engine import Segment
from voicebox_asr.results import word_boundaries

from .coverage import Span, within

PAUSE_SECONDS = 1.0
"""A silence of this length between two words ends an utterance, whatever the punctuation says."""


def split_at_pauses(segment: Segment) -> Iterator[Segment]:
    """The parts of a segment from one long pause to the next; its words have times."""
    words = segment.hypothesis.words
    cuts = [
        at
        for at, (word, after) in enumerate(pairwise(words), 1)
        if after.start_seconds - word.end_seconds >= PAUSE_SECONDS
    ]
    yield from cut(segment, cuts)


def cut(segment: Segment, cuts: Sequence[int]) -> Iterator[Segment]:
    """The parts of a segment whose words have times: each cut is the index of the word with which a part begins."""
    words = segment.hypothesis.words
    if not cuts:
        yield segment
        return
    positions = list(word_boundaries.positions(segment.hypothesis.text, [word.text for word in words]))
    for start, end in pairwise([0, *cuts, len(words)]):
        text = segment.hypothesis.text[positions[start][0] : positions[end - 1][1]].strip()
        hypothesis = replace(segment.hypothesis, text=text, words=words[start:end])
        yield Segment(hypothesis, words[start].start_seconds, words[end - 1].end_seconds)


def divided(segments: Sequence[Segment], spans: Sequence[Span]) -> tuple[list[Segment], list[tuple[Segment, ...]]]:
    """What is said outside of these spans, and what within each of them; words count by their middles."""
    outside: list[Segment] = []
    inside: list[list[Segment]] = [[] for _ in spans]
    for segment in segments:
        words = segment.hypothesis.words
        places = [next((index for index, span in enumerate(spans) if within(word, span)), None) for word in words]
        cuts = [at for at, (place, after) in enumerate(pairwise(places), 1) if after != place]
        for part, place in zip(cut(segment, cuts), [places[at] for at in (0, *cuts)] if words else [None], strict=True):
            (outside if place is None else inside[place]).append(part)
    return outside, [tuple(each) for each in inside]
