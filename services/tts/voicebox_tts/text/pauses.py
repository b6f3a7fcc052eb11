"""Pauses that are written in a plain text, as `[pause:400ms]` or `[pause:1.5s]`."""

import re
from collections.abc import Iterator

from voicebox_kit.errors import InvalidField

from voicebox_tts.job import MAX_PAUSE_SECONDS, MAX_PAUSES_SECONDS

from .directions import Direction, Passage, Pause

BEGIN = "[pause:"
_PAUSE = re.compile(r"\[pause:([^\[\]]{0,40})(\])?")
_LENGTH = re.compile(r"\s{0,9}(\d{1,9}(?:\.\d{1,9})?)\s{0,9}(ms|s)\s{0,9}")


def has_pauses(text: str) -> bool:
    """Whether a pause is written in a text."""
    return BEGIN in text


def with_pauses(text: str, field: str) -> tuple[Direction, ...]:
    """The passages of a text and the pauses between them. InvalidField(`field`), which names the character, for a pause
    that has no length, or too great a one.
    """
    directions = tuple(_directions(text, field))
    check_pauses(directions, field)
    return directions


def check_pauses(directions: tuple[Direction, ...], field: str) -> None:
    """InvalidField(`field`) when the pauses together are too long."""
    total = sum(each.seconds for each in directions if isinstance(each, Pause))
    if total > MAX_PAUSES_SECONDS:
        sentence = f"The pauses in {field} are {total:g} s together; they may be {MAX_PAUSES_SECONDS:g} s."
        raise InvalidField(field, sentence, "PAUSE_TOO_LONG")


def seconds(length: str) -> float | None:
    """The seconds in `400ms` or `1.5s`; None for anything else."""
    match = _LENGTH.fullmatch(length)
    return None if match is None else float(match[1]) / (1000 if match[2] == "ms" else 1)


def _directions(text: str, field: str) -> Iterator[Direction]:
    end = 0
    for match in _PAUSE.finditer(text):
        if passage := text[end : match.start()].strip():
            yield Passage(passage)
        yield Pause(_checked(match, field))
        end = match.end()
    if passage := text[end:].strip():
        yield Passage(passage)


def _checked(match: re.Match[str], field: str) -> float:
    place = f"{field}, character {match.start() + 1}"
    length = seconds(match[1]) if match[2] else None
    if length is None:
        sentence = f"{place}: a pause is written [pause:400ms] or [pause:1.5s], not {match[0][:40]!r}."
        raise InvalidField(field, sentence, "PAUSE_INVALID")
    if length > MAX_PAUSE_SECONDS:
        sentence = f"{place}: a pause may be {MAX_PAUSE_SECONDS:g} s long, not {length:g} s."
        raise InvalidField(field, sentence, "PAUSE_TOO_LONG")
    return length
