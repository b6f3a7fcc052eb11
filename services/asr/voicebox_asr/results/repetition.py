"""Cuts loops out of what a model wrote: the same words again and again, which nobody said."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from . import words as wording
from .echoes import MIN_SIMILARITY, has_time
from .utterance import Utterance
from .warnings import Reason, RecognitionWarning, has_low_confidence

MIN_REPEATS = ((1, 12), (2, 8), (5, 6), (50, 5))
"""A loop of at most so many words comes at least so often. People do say "no" five times over, and a chorus four
times.
"""

TOUCHING_SECONDS = 0.3
"""Passages with less between them are one stream of words. Who says a sentence again, since nobody listened, pauses
longer.
"""

SHOWN_CHARACTERS = 80


@dataclass(frozen=True)
class Token:
    """A word in the utterance that is the `owner`th of a run: without case and marks, and where it stands in the
    text.
    """

    word: str
    owner: int
    start: int
    end: int


@dataclass(frozen=True)
class Loop:
    """Its first round, and what came after the `kept` rounds that the sound supports."""

    first: Sequence[Token]
    excess: Sequence[Token]
    kept: int = 1


def without_loops(utterances: Sequence[Utterance]) -> tuple[tuple[Utterance, ...], tuple[RecognitionWarning, ...]]:
    """The utterances with every loop cut to its first round, and a notice of each. An utterance of which nothing is
    left is gone.

    Only engines that tell a compression ratio write freely enough to loop; what others heard stays as it is.
    """
    written_freely = [
        utterance for utterance in utterances if utterance.hypothesis.scores.compression_ratio is not None
    ]
    kept = [utterance for utterance in utterances if utterance.hypothesis.scores.compression_ratio is None]
    warnings: list[RecognitionWarning] = []
    for run in _runs(written_freely):
        found = _loops(
            [token for owner, utterance in enumerate(run) for token in _tokens(owner, utterance.hypothesis.text)]
        )
        loops = [loop for each in found if (loop := _unsupported(run, each)).excess]
        warnings += [_warning(run, loop) for loop in loops]
        kept += _without(run, {token for loop in loops for token in loop.excess})
    return tuple(sorted(kept, key=lambda utterance: utterance.index)), tuple(warnings)


def _runs(utterances: Sequence[Utterance]) -> Iterator[list[Utterance]]:
    """The utterances of each channel whose words follow each other without a pause, or all of which are doubtful."""
    for channel in sorted({utterance.channel for utterance in utterances}):
        own = [utterance for utterance in utterances if utterance.channel == channel]
        run = own[:1]
        for before, utterance in pairwise(own):
            if not _follows(before, utterance):
                yield run
                run = []
            run.append(utterance)
        yield run


def _follows(before: Utterance, utterance: Utterance) -> bool:
    touches = utterance.start_seconds - before.end_seconds <= TOUCHING_SECONDS
    return touches or (has_low_confidence(before.hypothesis.scores) and has_low_confidence(utterance.hypothesis.scores))


def _tokens(owner: int, text: str) -> Iterator[Token]:
    for start, end in wording.spans(text):
        bare = "".join(character for character in text[start:end].casefold() if character.isalnum())
        yield Token(bare or text[start:end], owner, start, end)


def _loops(tokens: Sequence[Token]) -> list[Loop]:
    """Short loops are looked for first: a long one may consist of them."""
    left = list(tokens)
    loops: list[Loop] = []
    for size in range(1, MIN_REPEATS[-1][0] + 1):
        least = next(repeats for most_words, repeats in MIN_REPEATS if size <= most_words)
        found = [
            Loop(left[start : start + size], left[start + size : end]) for start, end in _repetitions(left, size, least)
        ]
        if found:
            loops += found
            excess = {token for loop in found for token in loop.excess}
            left = [token for token in left if token not in excess]
    return loops


def _unsupported(run: Sequence[Utterance], loop: Loop) -> Loop:
    """The loop without the rounds that were said: their words have time of their own, and sound alike."""
    kept = 0
    size = len(loop.first)
    while kept < len(loop.excess) and all(_is_said(run, token) for token in loop.excess[kept : kept + size]):
        kept += size
    return Loop(loop.first, loop.excess[kept:], 1 + kept // size)


def _is_said(run: Sequence[Utterance], token: Token) -> bool:
    hypothesis = run[token.owner].hypothesis
    if (hypothesis.self_similarity or 0.0) < MIN_SIMILARITY:
        return False
    placed = zip(
        hypothesis.words, wording.places(hypothesis.text, [word.text for word in hypothesis.words]), strict=True
    )
    return any(has_time(word) for word, (start, end) in placed if start <= token.start < end)


def _repetitions(tokens: Sequence[Token], size: int, least: int) -> Iterator[tuple[int, int]]:
    """Where `size` words come at least `least` times; the last time may be cut short."""
    start = 0
    for at in range(size, len(tokens) + 1):
        if at == len(tokens) or tokens[at].word != tokens[at - size].word:
            if at - start >= least * size:
                yield start, at
            start = at - size + 1


def _without(run: Sequence[Utterance], cut: set[Token]) -> Iterator[Utterance]:
    for owner, utterance in enumerate(run):
        gone = [(token.start, token.end) for token in cut if token.owner == owner]
        if not gone:
            yield utterance
        elif shorter := _shortened(utterance, gone):
            yield shorter


def _shortened(utterance: Utterance, gone: Sequence[tuple[int, int]]) -> Utterance | None:
    """The utterance without these parts of its text; None when no word is left."""
    hypothesis = utterance.hypothesis
    is_gone = [any(start <= at < end for start, end in gone) for at in range(len(hypothesis.text))]
    text = " ".join("".join(each for each, out in zip(hypothesis.text, is_gone, strict=True) if not out).split())
    if not text:
        return None
    placed = zip(
        hypothesis.words, wording.places(hypothesis.text, [word.text for word in hypothesis.words]), strict=True
    )
    words = tuple(
        word
        for word, (start, end) in placed
        if not all(is_gone[at] or hypothesis.text[at].isspace() for at in range(start, end))
    )
    return replace(utterance, hypothesis=replace(hypothesis, text=text, words=words))


def _warning(run: Sequence[Utterance], loop: Loop) -> RecognitionWarning:
    opening, closing = loop.first[0], loop.first[-1]
    text = run[opening.owner].hypothesis.text
    said = text[opening.start : closing.end if closing.owner == opening.owner else len(text)]
    shown = said if len(said) <= SHOWN_CHARACTERS else said[: SHOWN_CHARACTERS - 1] + "…"
    rounds = loop.kept + len(loop.excess) // len(loop.first)
    left = "the first" if loop.kept == 1 else f"the first {loop.kept}"
    sentence = f"{shown!r} came {rounds} times in a row; all but {left} were cut out."
    return RecognitionWarning(
        Reason.REPETITION, sentence, _seconds(run, loop.excess[0]), _seconds(run, loop.excess[-1], at_end=True)
    )


def _seconds(run: Sequence[Utterance], token: Token, *, at_end: bool = False) -> float:
    """When a word begins, or ends, as far as the places of characters tell."""
    utterance = run[token.owner]
    share = (token.end if at_end else token.start) / len(utterance.hypothesis.text)
    return utterance.start_seconds + share * (utterance.end_seconds - utterance.start_seconds)
