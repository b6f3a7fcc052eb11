"""Which languages a file is in, and where it changes between them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from voicebox_asr.engine import RecognitionWarning, WarningReason


@dataclass(frozen=True)
class LanguageSpan:
    """A part of a file in one language (BCP 47), in seconds from its start."""

    language: str
    start_seconds: float
    end_seconds: float


def main_language(spans: Sequence[LanguageSpan]) -> str:
    """The language of the most audio; empty when there is none."""
    seconds: dict[str, float] = defaultdict(float)
    for each in spans:
        seconds[each.language] += each.end_seconds - each.start_seconds
    return max(seconds, key=seconds.__getitem__, default="")


def language_changes(spans: Sequence[LanguageSpan]) -> list[RecognitionWarning]:
    """A warning for each part of the file that is not in its main language."""
    rest = main_language(spans)
    runs = [list(run) for _, run in groupby(spans, key=lambda each: each.language)]
    return [_changed(run, rest) for run in runs if run[0].language != rest]


def _changed(run: Sequence[LanguageSpan], rest: str) -> RecognitionWarning:
    found = f"What is said here was recognised as {run[0].language}, the rest as {rest}"
    sentence = f"{found}: name the language when there is only one."
    return RecognitionWarning(WarningReason.LANGUAGE_CHANGED, sentence, run[0].start_seconds, run[-1].end_seconds)
