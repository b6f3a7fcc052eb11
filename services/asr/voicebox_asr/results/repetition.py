"""Cuts loops out of hypotheses: words that a model repeats and nobody spoke."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from . import word_boundaries
from .self_similarity import MIN_SIMILARITY, has_time
from .utterance import Utterance
from .warnings import RecognitionWarning, WarningReason, has_low_confidence

MIN_REPEATS = ((1, 12), (2, 8), (5, 6), (50, 5))
"""Pairs of a loop's longest length in words and its least repeats. People do say "no" five times, a chorus four."""

TOUCHING_SECONDS = 0.3
"""Utterances with less between them are one run of words. Who repeats a sentence on purpose pauses longer."""

SHOWN_CHARACTERS = 80


@dataclass(frozen=True)
class Token:
    """A word without case and marks, with the position of its utterance in the run, and its own in the text."""

    word: str
    position: int
    start: int
    end: int


@dataclass(frozen=True)
class Loop:
    """Its first round, how many rounds the audio supports, and the words after these."""

    first: Sequence[Token]
    excess: Sequence[Token]
    supported: int = 1


def without_loops(utterances: Sequence[Utterance]) -> tuple[tuple[Utterance, ...], tuple[RecognitionWarning, ...]]:
    """The utterances, loops cut to the rounds that the audio supports, with a warning of each; empty ones are dropped.

    Only engines that return a compression ratio can loop; utterances of others stay as they are.
    """
    written_freely = [
        utterance for utterance in utterances if utterance.hypothesis.scores.compression_ratio is not None
    ]
    remaining = [utterance for utterance in utterances if utterance.hypothesis.scores.compression_ratio is None]
    warnings: list[RecognitionWarning] = []
    for run in _runs(written_freely):
        found = _loops(
            [token for position, utterance in enumerate(run) for token in _tokens(position, utterance.hypothesis.text)]
        )
        loops = [loop for each in found if (loop := _unsupported(run, each)).excess]
        warnings += [_warning(run, loop) for loop in loops]
        remaining += _without(run, {token for loop in loops for token in loop.excess})
    return tuple(sorted(remaining, key=lambda utterance: utterance.index)), tuple(warnings)


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


def _tokens(position: int, text: str) -> Iterator[Token]:
    for start, end in word_boundaries.spans(text):
        bare = "".join(character for character in text[start:end].casefold() if character.isalnum())
        yield Token(bare or text[start:end], position, start, end)


def _loops(tokens: Sequence[Token]) -> list[Loop]:
    """Short loops are looked for first: a long one may consist of them."""
    left = list(tokens)
    loops: list[Loop] = []
    for size in range(1, MIN_REPEATS[-1][0] + 1):
        min_repeats = next(repeats for max_words, repeats in MIN_REPEATS if size <= max_words)
        found = [
            Loop(left[start : start + size], left[start + size : end])
            for start, end in _repetitions(left, size, min_repeats)
        ]
        if found:
            loops += found
            excess = {token for loop in found for token in loop.excess}
            left = [token for token in left if token not in excess]
    return loops


def _unsupported(run: Sequence[Utterance], loop: Loop) -> Loop:
    """The loop without the rounds that were spoken: their words take time, and sound alike."""
    supported = 0
    size = len(loop.first)
    while supported < len(loop.excess) and all(
        _is_spoken(run, token) for token in loop.excess[supported : supported + size]
    ):
        supported += size
    return Loop(loop.first, loop.excess[supported:], 1 + supported // size)


def _is_spoken(run: Sequence[Utterance], token: Token) -> bool:
    hypothesis = run[token.position].hypothesis
    if (hypothesis.self_similarity or 0.0) < MIN_SIMILARITY:
        return False
    placed = zip(
        hypothesis.words,
        word_boundaries.positions(hypothesis.text, [word.text for word in hypothesis.words]),
        strict=True,
    )
    return any(has_time(word) for word, (start, end) in placed if start <= token.start < end)


def _repetitions(tokens: Sequence[Token], size: int, min_repeats: int) -> Iterator[tuple[int, int]]:
    """Where `size` words come at least `min_repeats` times; the last time may be cut short."""
    start = 0
    for at in range(size, len(tokens) + 1):
        if at == len(tokens) or tokens[at].word != tokens[at - size].word:
            if at - start >= min_repeats * size:
                yield start, at
            start = at - size + 1


def _without(run: Sequence[Utterance], cut: set[Token]) -> Iterator[Utterance]:
    for position, utterance in enumerate(run):
        gone = [(token.start, token.end) for token in cut if token.position == position]
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
        hypothesis.words,
        word_boundaries.positions(hypothesis.text, [word.text for word in hypothesis.words]),
        strict=True,
    )
    words = tuple(
        word
        for word, (start, end) in placed
        if not all(is_gone[at] or hypothesis.text[at].isspace() for at in range(start, end))
    )
    return replace(utterance, hypothesis=replace(hypothesis, text=text, words=words))


def _warning(run: Sequence[Utterance], loop: Loop) -> RecognitionWarning:
    opening, closing = loop.first[0], loop.first[-1]
    text = run[opening.position].hypothesis.text
    removed = text[opening.start : closing.end if closing.position == opening.position else len(text)]
    shown = removed if len(removed) <= SHOWN_CHARACTERS else removed[: SHOWN_CHARACTERS - 1] + "…"
    rounds = loop.supported + len(loop.excess) // len(loop.first)
    left = "the first" if loop.supported == 1 else f"the first {loop.supported}"
    sentence = f"{shown!r} came {rounds} times in a row; all but {left} were cut out."
    return RecognitionWarning(
        WarningReason.REPETITION, sentence, _seconds(run, loop.excess[0]), _seconds(run, loop.excess[-1], at_end=True)
    )


def _seconds(run: Sequence[Utterance], token: Token, *, at_end: bool = False) -> float:
    """When a word begins, or ends, estimated from the positions of its characters."""
    utterance = run[token.position]
    share = (token.end if at_end else token.start) / len(utterance.hypothesis.text)
    return utterance.start_seconds + share * (utterance.end_seconds - utterance.start_seconds)
