"""Cuts segments into utterances at the speaker's pauses."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from voicebox_asr.engine import Segment
from voicebox_asr.results import word_boundaries

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
    if not cuts:
        yield segment
        return
    positions = list(word_boundaries.positions(segment.hypothesis.text, [word.text for word in words]))
    for start, end in pairwise([0, *cuts, len(words)]):
        text = segment.hypothesis.text[positions[start][0] : positions[end - 1][1]].strip()
        hypothesis = replace(segment.hypothesis, text=text, words=words[start:end])
        yield Segment(hypothesis, words[start].start_seconds, words[end - 1].end_seconds)
