"""The turns of an utterance as its record keeps them, so that it can be spoken again."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from voicebox_tts.engine import Style

MAX_VALUE_CHARACTERS, MAX_VALUES = 1000, 48
"""Of a record's parameters: the catalog takes 64."""


@dataclass(frozen=True)
class SpokenTurn:
    """So many characters of the text, who spoke them, as `{engine}/{voice}` or `profiles/{profile}`, how, and the
    silence before.
    """

    characters: int
    voice: str
    style: Style
    pause_seconds: float


def parameters(turns: Sequence[SpokenTurn]) -> dict[str, str]:
    """`turns.1`, `turns.2` and so on: JSON lists that joined are all turns. None where they are too many."""
    lists: list[list[str]] = [[]]
    for written in map(_written, turns):
        if lists[-1] and sum(map(len, lists[-1])) + len(lists[-1]) + len(written) + 2 > MAX_VALUE_CHARACTERS:
            lists.append([])
        lists[-1].append(written)
    values = [f"[{','.join(each)}]" for each in lists]
    is_kept = turns and len(values) <= MAX_VALUES and max(map(len, values)) <= MAX_VALUE_CHARACTERS
    return {f"turns.{number}": value for number, value in enumerate(values, 1)} if is_kept else {}


def _written(turn: SpokenTurn) -> str:
    said: dict[str, Any] = {
        "characters": turn.characters,
        "voice": turn.voice,
        "language": turn.style.language,
        "speed": 0 if turn.style.speed == 1.0 else turn.style.speed,
        "pitch_semitones": turn.style.pitch_semitones,
        "instructions": turn.style.instructions,
        "pause_seconds": turn.pause_seconds,
    }
    return json.dumps({name: value for name, value in said.items() if value}, separators=(",", ":"))
