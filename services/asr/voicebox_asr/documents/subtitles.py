"""Cuts a transcript into subtitles: short enough to read, whole phrases where possible, never two at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from voicebox_asr.results import word_boundaries
from voicebox_asr.results.utterance import Utterance

MIN_SHOWN_MS, MAX_PUSHED_MS = 1000, 200
"""A cue is shown for a second where nothing follows at once, and for 0.2 s even where people speak at the same time."""

GAP_MS = 40
"""Between cues, one frame at 25 a second: otherwise a change from one to the next is hardly seen."""

PAUSE_MS = 1500
"""A cue does not last over a silence of this length."""

SENTENCE_END, CLAUSE_END = ".!?…。！？؟۔।", ",;:،؛、，；："
"""After these a cue, or a line, ends well."""

CUE_COST, BREAK_COST, CLAUSE_COST, EMPTINESS_COST = 1.0, 0.8, 0.3, 0.5
"""The costs of each cue, and of one that ends within a phrase, after a clause, or nearly empty: the least is used."""


@dataclass(frozen=True)
class Layout:
    """How subtitles are cut. Widths are columns: a Chinese character has two. `max_words_per_cue` 0 is any number."""

    max_line_length: int = 42
    max_line_count: int = 2
    max_words_per_cue: int = 0
    max_cue_seconds: float = 7.0
    highlight_words: bool = False


@dataclass(frozen=True)
class TimedWord:
    """A word with its marks. `space` is what stands before it in its line: a space, or nothing in scripts without."""

    text: str
    space: str
    start_ms: int
    end_ms: int

    @property
    def width(self) -> int:
        return word_boundaries.width(self.text)


Line = tuple[TimedWord, ...]


@dataclass(frozen=True)
class Cue:
    """What is shown from `start_ms` to before `end_ms`; `voice` says who speaks, empty when that is not known."""

    start_ms: int
    end_ms: int
    lines: tuple[Line, ...]
    voice: str = ""


def voice(utterance: Utterance) -> str:
    """Who speaks, as documents say it: the speaker, else the channel where these are apart."""
    return utterance.speaker or (f"channel-{utterance.channel}" if utterance.channel else "")


def cues(utterances: Sequence[Utterance], layout: Layout, *, voice_in_line: bool = False) -> tuple[Cue, ...]:
    """The subtitles, in order. When `voice_in_line`, a cue's first line has room for `voice: ` before it."""
    found = []
    for utterance in utterances:
        who = voice(utterance)
        taken = min(word_boundaries.width(f"{who}: "), layout.max_line_length // 2) if who and voice_in_line else 0
        words = [part for word in timed_words(utterance) for part in _split_word(word, layout.max_line_length - taken)]
        for part in _cut(words, layout, taken):
            found.append(Cue(part[0].start_ms, part[-1].end_ms, _lines(part, layout, taken), who))
    return _without_overlaps(sorted(found, key=lambda cue: cue.start_ms), layout)


def timed_words(utterance: Utterance) -> Iterator[TimedWord]:
    """The words of an utterance, with the engine's times, or else times by their positions in the text."""
    text = utterance.hypothesis.text
    for (start, end), (start_seconds, end_seconds) in _timed(utterance):
        word = text[start:end].strip()
        begins = text.index(word, start)
        if word:
            space = " " if begins and text[begins - 1].isspace() else ""
            yield TimedWord(word, space, round(1000 * start_seconds), round(1000 * end_seconds))


def _timed(utterance: Utterance) -> Iterator[tuple[tuple[int, int], tuple[float, float]]]:
    """Where each word is in the text, and in time."""
    text, words = utterance.hypothesis.text, utterance.hypothesis.words
    if any(word.end_seconds > word.start_seconds for word in words):
        yield from zip(
            word_boundaries.positions(text, [word.text for word in words]),
            [(word.start_seconds, word.end_seconds) for word in words],
            strict=True,
        )
        return
    rate = (utterance.end_seconds - utterance.start_seconds) / max(1, len(text))
    for start, end in word_boundaries.spans(text):
        yield (start, end), (utterance.start_seconds + start * rate, utterance.start_seconds + end * rate)


def _split_word(word: TimedWord, max_columns: int) -> Iterator[TimedWord]:
    """A word that is wider than a line in pieces that are not."""
    rate = (word.end_ms - word.start_ms) / max(1, word.width)
    piece, space, start_ms = "", word.space, word.start_ms
    for character in word.text:
        if word_boundaries.width(piece + character) > max_columns:
            end_ms = start_ms + round(rate * word_boundaries.width(piece))
            yield TimedWord(piece, space, start_ms, end_ms)
            piece, space, start_ms = "", "", end_ms
        piece += character
    yield TimedWord(piece, space, start_ms, word.end_ms)


def _cut(words: Sequence[TimedWord], layout: Layout, taken: int) -> Iterator[Line]:
    """The cheapest cutting of an utterance, found from its end."""
    costs = [0.0] * (len(words) + 1)
    ends = [0] * len(words)
    for start in reversed(range(len(words))):
        options = [(_cost(words, end, room) + costs[end], end) for end, room in _ends(words, start, layout, taken)]
        costs[start], ends[start] = min(options)
    start = 0
    while start < len(words):
        yield tuple(words[start : ends[start]])
        start = ends[start]


def _ends(words: Sequence[TimedWord], start: int, layout: Layout, taken: int) -> Iterator[tuple[int, float]]:
    """Where a cue that begins with a word may end, and how much of it is then empty, 0 to 1."""
    max_columns = layout.max_line_length
    lines, column = 1, taken + words[start].width
    yield start + 1, 1 - column / (max_columns * layout.max_line_count)
    for at in range(start + 1, len(words)):
        word = words[at]
        column += len(word.space) + word.width
        if column > max_columns:
            lines, column = lines + 1, word.width
        too_long = word.end_ms - words[start].start_ms > 1000 * layout.max_cue_seconds
        too_many = layout.max_words_per_cue and at - start >= layout.max_words_per_cue
        if lines > layout.max_line_count or too_long or too_many or word.start_ms - words[at - 1].end_ms > PAUSE_MS:
            return
        yield at + 1, 1 - ((lines - 1) * max_columns + column) / (max_columns * layout.max_line_count)


def _cost(words: Sequence[TimedWord], end: int, room: float) -> float:
    mark = words[end - 1].text.rstrip("\"'”’»)]}」』")[-1:]
    broken = CLAUSE_COST if mark in CLAUSE_END else BREAK_COST
    if end == len(words) or mark in SENTENCE_END:
        broken = 0.0
    return CUE_COST + broken + EMPTINESS_COST * room**2


def _lines(words: Line, layout: Layout, taken: int) -> tuple[Line, ...]:
    """As few lines as hold the words, and of these the most even ones; a line rather ends where a clause does."""
    max_columns = layout.max_line_length
    best: list[tuple[int, float, int]] = [(0, 0.0, 0)] * (
        len(words) + 1
    )  # of the words from here on: lines, cost, where the first ends
    for start in reversed(range(len(words))):
        column = 0 if start else taken
        options = []
        for end in range(start + 1, len(words) + 1):
            word = words[end - 1]
            column += word.width + (len(word.space) if end > start + 1 else 0)
            if column > max_columns and end > start + 1:
                break
            ends_well = end == len(words) or word.text[-1] in SENTENCE_END + CLAUSE_END
            lines, cost, _ = best[end]
            options.append((lines + 1, cost + column**2 + (0 if ends_well else (max_columns / 4) ** 2), end))
        best[start] = min(options)
    found = []
    start = 0
    while start < len(words):
        found.append(words[start : best[start][2]])
        start = best[start][2]
    return tuple(found)


def _without_overlaps(found: Sequence[Cue], layout: Layout) -> tuple[Cue, ...]:
    """The cues with times that do not overlap: the next one ends the one before."""
    separate: list[Cue] = []
    for cue in found:
        start_ms = cue.start_ms
        if separate:
            last = separate[-1]
            start_ms = max(start_ms, last.start_ms + MAX_PUSHED_MS + GAP_MS)
            separate[-1] = replace(last, end_ms=min(last.end_ms, start_ms - GAP_MS))
        end_ms = min(max(cue.end_ms, start_ms + MIN_SHOWN_MS), start_ms + round(1000 * layout.max_cue_seconds))
        separate.append(replace(cue, start_ms=start_ms, end_ms=end_ms))
    return tuple(separate)
