"""The session object of the Realtime API's beta, which many programs still send: flat, with other names.

https://platform.openai.com/docs/guides/realtime#beta-to-ga-migration
"""

from collections.abc import Mapping
from typing import Any

FORMATS = {
    "pcm16": {"type": "audio/pcm", "rate": 24_000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}
INPUT = {
    "input_audio_format": "format",
    "input_audio_transcription": "transcription",
    "input_audio_noise_reduction": "noise_reduction",
    "turn_detection": "turn_detection",
}
OUTPUT = {"output_audio_format": "format", "voice": "voice", "speed": "speed"}
MODALITIES = "modalities"


def current(session: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same in the API's present form; a session that is in it already stays as it is."""
    if not session.keys() & {*INPUT, *OUTPUT, MODALITIES}:
        return session
    result = {name: value for name, value in session.items() if name not in {*INPUT, *OUTPUT, MODALITIES}}
    audio = session.get("audio") or {}
    sides = {
        side: {**_side(session, names), **(audio.get(side) or {})}
        for side, names in (("input", INPUT), ("output", OUTPUT))
    }
    result["audio"] = {side: values for side, values in sides.items() if values}
    if session.get(MODALITIES):
        result["output_modalities"] = ["audio"] if "audio" in session[MODALITIES] else session[MODALITIES]
    return result


def _side(session: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {
        new: _format(session[old]) if new == "format" else session[old] for old, new in names.items() if old in session
    }


def _format(given: object) -> object:
    return FORMATS.get(given, given) if isinstance(given, str) else given
