"""Cuts what was said into utterances at the speaker's pauses."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from voicebox_asr.engine import Passage
from voicebox_asr.results import words as wording

PAUSE_SECONDS = 1.0
"""A silence between two words that is so long ends an utterance, whatever the punctuation says."""


def split_at_pauses(passage: Passage) -> Iterator[Passage]:
    """A passage whose words have times, as one passage from each long pause to the next."""
    words = passage.heard.words
    cuts = [
        at
        for at, (word, after) in enumerate(pairwise(words), 1)
        if after.start_seconds - word.end_seconds >= PAUSE_SECONDS
    ]
    if not cuts:
        yield passage
        return
    places = list(wording.places(passage.heard.text, [word.text for word in words]))
    for start, end in pairwise([0, *cuts, len(words)]):
        text = passage.heard.text[places[start][0] : places[end - 1][1]].strip()
        heard = replace(passage.heard, text=text, words=words[start:end])
        yield Passage(heard, words[start].start_seconds, words[end - 1].end_seconds)
