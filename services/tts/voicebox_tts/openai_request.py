"""Reads the body of OpenAI's speech request, refusing what is wrong by OpenAI's name for it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from voicebox_kit.errors import InvalidField
from voicebox_sound.encode import Encoding

ENCODINGS = {
    "mp3": Encoding.MP3,
    "opus": Encoding.OGG_OPUS,
    "aac": Encoding.AAC,
    "flac": Encoding.FLAC,
    "wav": Encoding.WAV,
    "pcm": Encoding.PCM_S16LE,
}
PCM_RATE_HZ = 24_000
"""OpenAI's `pcm` says nothing of its rate: programs expect this one."""

SPEEDS = (0.25, 4.0)
FIELDS = frozenset({"model", "input", "voice", "response_format", "speed", "instructions", "stream_format"})


@dataclass(frozen=True)
class SpeechRequest:
    """What is to be said, and how. `model` and `voice` are as they were given, empty where they were not; `speed` 0 is the voice's own."""

    text: str
    model: str
    voice: str
    encoding: Encoding
    speed: float
    instructions: str
    events: bool

    @property
    def sample_rate_hz(self) -> int:
        """The asked rate; 0 is the engine's own."""
        return PCM_RATE_HZ if self.encoding is Encoding.PCM_S16LE else 0


def read(body: bytes) -> SpeechRequest:
    """The request that a body holds; InvalidField, with the parameter's name, where it is wrong. A null is as good as nothing."""
    fields = _fields(body)
    if unknown := sorted(fields.keys() - FIELDS):
        raise InvalidField(unknown[0][:100], f"There is no parameter {unknown[0][:100]!r}.", "UNKNOWN_PARAMETER")
    if "input" not in fields:
        raise InvalidField("input", "The parameter input is missing.", "MISSING_REQUIRED_PARAMETER")
    return SpeechRequest(
        text=_string(fields, "input"),
        model=_string(fields, "model"),
        voice=_voice(fields),
        encoding=ENCODINGS[_choice(fields, "response_format", *ENCODINGS)],
        speed=_speed(fields),
        instructions=_string(fields, "instructions"),
        events=_choice(fields, "stream_format", "audio", "sse") == "sse",
    )


def _fields(body: bytes) -> Mapping[str, Any]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise InvalidField("body", "The body of the request must be a JSON object.", "INVALID_JSON")
    return {name: value for name, value in fields.items() if value is not None}


def _string(fields: Mapping[str, Any], name: str) -> str:
    text = fields.get(name, "")
    if not isinstance(text, str):
        raise InvalidField(name, f"{name} must be a string.", "INVALID_TYPE")
    try:
        text.encode()
    except UnicodeEncodeError:  # "\ud800" is good JSON
        raise InvalidField(name, f"{name} holds half of a surrogate pair, which is no character.") from None
    return text


def _voice(fields: Mapping[str, Any]) -> str:
    voice = fields.get("voice")
    return _string(voice, "id") if isinstance(voice, dict) and voice.keys() == {"id"} else _string(fields, "voice")


def _choice(fields: Mapping[str, Any], name: str, *choices: str) -> str:
    """One of the choices, the first when nothing is given."""
    chosen = _string(fields, name) or choices[0]
    if chosen not in choices:
        raise InvalidField(name, f"{name} must be one of {', '.join(choices)}, not {chosen[:40]!r}.", "UNSUPPORTED_VALUE")
    return chosen


def _speed(fields: Mapping[str, Any]) -> float:
    if "speed" not in fields:
        return 0.0
    speed = fields["speed"]
    if isinstance(speed, bool) or not isinstance(speed, int | float):
        raise InvalidField("speed", "speed must be a number.", "INVALID_TYPE")
    low, high = SPEEDS
    if math.isnan(speed) or not low <= speed <= high:
        raise InvalidField("speed", f"speed must be {low:g} to {high:g}.")
    return float(speed)
