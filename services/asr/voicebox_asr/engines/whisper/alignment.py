"""Places words in time, from the alignment of tokens and sound."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from voicebox_asr.engine import Word
from voicebox_asr.segmentation.coverage import Span

EARLY_SECONDS = 0.06
"""The alignment is ahead of the sound by so much: measured on voices that know the times of their words."""

REACH_SECONDS = 0.4
"""A silence no farther from a word's edge is where the word begins or ends."""

LONGEST_MEDIAN_SECONDS = 0.7
"""Where half of the words are longer than this, the alignment is to blame, not the speaker."""

BEFORE_WORDS, AFTER_WORDS = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"
"""Punctuation that belongs to the next word, and to the one before."""

SENTENCE_ENDS = ".!?…。！？؟।"
CLOSING = "\"'”’)]}」』"
"""What may follow the mark that ends a sentence."""

ABBREVIATED = re.compile(r"(\w{1,2}|mrs|prof|gen|rev|hon|capt|col|vs|etc)\.|.*\w\.\w+\.", re.IGNORECASE)
"""A full stop after such a word rarely ends a sentence. Two joined sentences are better than one torn apart."""


@dataclass(frozen=True)
class Aligned:
    """A piece of text as the alignment gives it, with its space: a word or a mark. `tokens` is how many it has."""

    text: str
    tokens: int
    start_seconds: float
    end_seconds: float
    probability: float


def joined(pieces: Sequence[Aligned]) -> list[Aligned]:
    """The same with each mark joined to its word, which keeps its times."""
    words: list[Aligned] = []
    opening: Aligned | None = None
    for piece in pieces:
        if piece.text.startswith(" ") and piece.text.strip() in BEFORE_WORDS:
            opening = _join(opening, piece, piece) if opening else piece
        elif opening:
            words.append(_join(opening, piece, piece))
            opening = None
        elif words and piece.text in AFTER_WORDS:
            words[-1] = _join(words[-1], piece, words[-1])
        else:
            words.append(piece)
    return [*words, opening] if opening else words


def sentence_lengths(pieces: Sequence[Aligned], ends: Sequence[int]) -> list[int]:
    """How many tokens each sentence has, for pieces with their marks joined. Text ends at the tokens `ends`, too."""
    lengths: list[int] = []
    tokens = done = 0
    for piece in pieces:
        tokens += piece.tokens
        if ends_sentence(piece.text) or tokens in ends:
            lengths.append(tokens - done)
            done = tokens
    return [*lengths, ends[-1] - done] if ends[-1] > done else lengths


def ends_sentence(text: str) -> bool:
    """Whether a sentence ends with this word."""
    bare = text.strip().rstrip(CLOSING)
    return bool(bare) and bare[-1] in SENTENCE_ENDS and not ABBREVIATED.fullmatch(bare.lstrip(CLOSING))


def placed(pieces: Sequence[Aligned], silences: Sequence[Span]) -> list[Aligned]:
    """The pieces with their edges at the silences near them.

    The alignment adds a pause to the word after it, so that an edge is rather before its silence than behind.
    """
    pieces = list(pieces)
    for silence in silences if pieces else ():
        edges = _edges(pieces)
        distances = [max(silence[0] - edge, 2.0 * (edge - silence[1]), 0.0) for edge in edges]
        nearest = min(range(len(edges)), key=distances.__getitem__)
        if distances[nearest] <= REACH_SECONDS:
            _part_at(pieces, nearest, silence)
    return pieces


def _edges(pieces: Sequence[Aligned]) -> list[float]:
    """Where the first piece begins, the next ones begin, and the last one ends."""
    between = [(before.end_seconds + after.start_seconds) / 2 for before, after in pairwise(pieces)]
    return [pieces[0].start_seconds, *between, pieces[-1].end_seconds]


def _part_at(pieces: list[Aligned], edge: int, silence: Span) -> None:
    """Let the piece before an edge end where a silence begins, and the piece behind it begin where it ends."""
    start, end = silence
    if edge > 0 and start > pieces[edge - 1].start_seconds:
        pieces[edge - 1] = replace(pieces[edge - 1], end_seconds=start)
    if edge < len(pieces) and end < pieces[edge].end_seconds:
        pieces[edge] = replace(pieces[edge], start_seconds=end)


def words(
    pieces: Sequence[Aligned], lengths: Sequence[int], seconds: float, silences: Sequence[Span] = ()
) -> Iterator[tuple[Word, ...]]:
    """The words of each segment, by its count of tokens; their times are within `seconds` and in order.

    `silences` are those of the sound.
    """
    rest = placed(joined(pieces), silences)
    longest = 2.0 * _usual(rest)
    for length in lengths:
        count, tokens = 0, 0
        while count < len(rest) and tokens < length:
            tokens += rest[count].tokens
            count += 1
        yield tuple(_bounded(_shortened(rest[:count], longest), seconds))
        rest = rest[count:]


def _join(first: Aligned, second: Aligned, timed: Aligned) -> Aligned:
    return replace(timed, text=first.text + second.text, tokens=first.tokens + second.tokens)


def _usual(pieces: Sequence[Aligned]) -> float:
    """The median length of a word in seconds."""
    lengths = [piece.end_seconds - piece.start_seconds for piece in pieces if piece.end_seconds > piece.start_seconds]
    return min(LONGEST_MEDIAN_SECONDS, median(lengths)) if lengths else LONGEST_MEDIAN_SECONDS


def _shortened(pieces: Sequence[Aligned], longest: float) -> list[Aligned]:
    """Shorten first and last words: the alignment adds the silence at a segment's edges to them."""
    pieces = list(pieces)
    if pieces:
        first = pieces[0]
        pieces[0] = replace(first, start_seconds=max(first.start_seconds, first.end_seconds - longest))
        last = pieces[-1]
        pieces[-1] = replace(last, end_seconds=min(last.end_seconds, last.start_seconds + longest))
    return pieces


def _bounded(pieces: Sequence[Aligned], seconds: float) -> Iterator[Word]:
    for piece in pieces:
        if text := piece.text.strip():
            start, end = min(piece.start_seconds, seconds), min(piece.end_seconds, seconds)
            yield Word(text, start, max(start, end), piece.probability)
