"""A dialogue as a text file: each turn begins with a voice and a colon, and goes on until the next."""

import re
from collections.abc import Iterator, Mapping

from .requests import Turn

_BEGIN = re.compile(r"(?P<who>[^\s:](?:[^:]{0,98}[^\s:])?):(?:\s+(?P<text>.*))?")


def turns(text: str, voices: Mapping[str, str]) -> list[Turn]:
    """The turns of a file.

    A line begins a turn when what is before its colon is a name in `voices`, or a voice as `flite/slt` or
    `profiles/ann`; other lines go on with the turn. Lines that begin with # and empty ones are left out. ValueError,
    which names the line, when a text comes before the first turn, or a turn has no text.
    """
    found = list[tuple[int, str, list[str]]]()
    for number, line in _lines(text):
        match = _BEGIN.fullmatch(line)
        voice = _voice(match["who"], voices) if match else ""
        if match and voice:
            found.append((number, voice, [match["text"] or ""]))
        elif found:
            found[-1][2].append(line)
        else:
            known = ", ".join(voices) or "no --as NAME=VOICE is given"
            raise ValueError(f"Line {number}: begin with who speaks, as in flite/slt: Hello. Names: {known}.")
    return [(voice, _joined(number, lines)) for number, voice, lines in found]


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if (stripped := line.strip()) and not stripped.startswith("#"):
            yield number, stripped


def _voice(who: str, voices: Mapping[str, str]) -> str:
    if who in voices:
        return voices[who]
    return who if "/" in who and " " not in who and not who.startswith("/") else ""


def _joined(number: int, lines: list[str]) -> str:
    text = "\n".join(lines).strip()
    if not text:
        raise ValueError(f"Line {number}: this turn says nothing.")
    return text
