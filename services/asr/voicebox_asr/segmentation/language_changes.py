"""Which languages a file is in, and where another than the usual one was heard."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from voicebox_asr.engine import Notice, Reason


@dataclass(frozen=True)
class Tongue:
    """What was recognised in one language (BCP 47), in seconds of the file."""

    language: str
    start_seconds: float
    end_seconds: float


def usual(tongues: Sequence[Tongue]) -> str:
    """The language of most of it; empty when there is nothing."""
    seconds: dict[str, float] = defaultdict(float)
    for each in tongues:
        seconds[each.language] += each.end_seconds - each.start_seconds
    return max(seconds, key=seconds.__getitem__, default="")


def changes(tongues: Sequence[Tongue]) -> list[Notice]:
    """One for each stretch of the file in another language than the usual one."""
    rest = usual(tongues)
    runs = [list(run) for _, run in groupby(tongues, key=lambda each: each.language)]
    return [_changed(run, rest) for run in runs if run[0].language != rest]


def _changed(run: Sequence[Tongue], rest: str) -> Notice:
    sentence = f"What is said here was recognised as {run[0].language}, the rest as {rest}: name the language when there is only one."
    return Notice(Reason.LANGUAGE_CHANGED, sentence, run[0].start_seconds, run[-1].end_seconds)
