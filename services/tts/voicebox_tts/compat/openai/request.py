"""Reads the body of OpenAI's speech request, refusing what is wrong by the client's name for it, and makes our own.

Values are taken in the spellings that clients have for them. Fields that nobody here knows are ignored and noted.
"""

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from voicebox.tts.v1 import tts_pb2
from voicebox_audio.encoding.encodings import Encoding, supported_rate
from voicebox_compat import openai_languages
from voicebox_compat.openai import Diagnostics, InvalidParameter

from voicebox_tts.api import messages
from voicebox_tts.api.requests import AUTO, is_auto
from voicebox_tts.text.scripts import LATIN, script

ENCODINGS = {
    "mp3": Encoding.MP3,
    "opus": Encoding.OGG_OPUS,
    "aac": Encoding.AAC,
    "flac": Encoding.FLAC,
    "wav": Encoding.WAV,
    "pcm": Encoding.PCM_S16LE,
}
SPELLINGS = {
    "mpeg": "mp3", "ogg": "opus", "oga": "opus", "ogg_opus": "opus", "wave": "wav", "x-wav": "wav",
    "raw": "pcm", "pcm16": "pcm", "pcm_s16le": "pcm", "s16le": "pcm", "pcm_24000": "pcm", "x-flac": "flac",
}  # fmt: skip
"""Names of formats that other servers take, or that media types and file names have."""

LOSSLESS_RATE_HZ = 24_000
"""OpenAI's `pcm` says nothing of its rate: programs expect this one. What says its rate agrees with it."""

LOSSLESS = (Encoding.PCM_S16LE, Encoding.WAV, Encoding.FLAC)
SPEEDS = (0.25, 4.0)
RATES_HZ = (8_000, 48_000)
LANGUAGES = ("language", "lang_code", "language_code", "lang")
FIELDS = frozenset(
    {
        "model",
        "input",
        "voice",
        "response_format",
        "speed",
        "instructions",
        "stream_format",
        "stream",
        "sample_rate",
        *LANGUAGES,
    }
)
KOKORO_LANGUAGES = {
    "a": "en-US",
    "b": "en-GB",
    "e": "es",
    "f": "fr",
    "h": "hi",
    "i": "it",
    "j": "ja",
    "p": "pt-BR",
    "z": "zh",
}
"""Kokoro's `lang_code` is a letter."""


@dataclass(frozen=True)
class SpeechRequest:
    """What is to be said, and how. `model` and `voice` are as they were given, empty where they were not; `speed` 0 is
    the voice's own.

    `language` is a BCP 47 tag, `auto` or empty, and `language_name` the parameter that it came in. `sample_rate_hz` 0
    is the engine's own.
    """

    text: str
    model: str
    voice: str
    encoding: Encoding
    speed: float
    instructions: str
    events: bool
    language: str
    language_name: str
    sample_rate_hz: int


def read(body: bytes, diagnostics: Diagnostics) -> SpeechRequest:
    """The request that a body holds; InvalidParameter where it is wrong. A null is as good as nothing."""
    fields = _fields(body)
    for name in fields:
        if name not in FIELDS:
            diagnostics.ignore_unknown(name, FIELDS)
    if "input" not in fields:
        raise InvalidParameter("input", "The parameter input is missing.", "MISSING_REQUIRED_PARAMETER")
    encoding = ENCODINGS[_choice(fields, "response_format", ENCODINGS, SPELLINGS)]
    language_name = next((name for name in LANGUAGES if name in fields), LANGUAGES[0])
    _boolean(fields, "stream")  # the answer is streamed in any case: whoever waits for its end has all of it
    return SpeechRequest(
        text=_string(fields, "input"),
        model=_string(fields, "model").strip(),
        voice=_voice(fields),
        encoding=encoding,
        speed=_number(fields, "speed", SPEEDS),
        instructions=_string(fields, "instructions"),
        events=_choice(fields, "stream_format", ("audio", "sse"), {"events": "sse", "raw": "audio"}) == "sse",
        language=_language(_string(fields, language_name)),
        language_name=language_name,
        sample_rate_hz=_sample_rate(fields, encoding),
    )


def to_native(speech: SpeechRequest, model: str, voice: tts_pb2.VoiceSelection) -> tts_pb2.StreamSynthesizeRequest:
    """The same in our own terms, in a voice that was chosen; `model` is `models/{engine}/{model}`, or empty.

    OpenAI's voices speak every language, and its clients name none: the language of other letters than Latin ones is
    found out, since voices of one language cannot say them.
    """
    language = speech.language or ("" if script(speech.text) in ("", LATIN) else AUTO)
    return tts_pb2.StreamSynthesizeRequest(
        text=speech.text,
        config=tts_pb2.SynthesisConfig(
            voice=voice,
            audio=tts_pb2.AudioSpec(encoding=messages.ENCODINGS[speech.encoding], sample_rate_hz=speech.sample_rate_hz),
            style=tts_pb2.SpeakingStyle(speed=speech.speed, instructions=speech.instructions, language=language),
            model=model,
        ),
    )


def _sample_rate(fields: Mapping[str, Any], encoding: Encoding) -> int:
    rate_hz = round(_number(fields, "sample_rate", RATES_HZ))
    if rate_hz and not supported_rate(encoding, rate_hz):
        raise InvalidParameter(
            "sample_rate", f"sample_rate cannot be {rate_hz} in this response_format.", "UNSUPPORTED_VALUE"
        )
    return rate_hz or (LOSSLESS_RATE_HZ if encoding in LOSSLESS else 0)


def _fields(body: bytes) -> Mapping[str, Any]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise InvalidParameter("", "The body of the request must be a JSON object.", "INVALID_JSON")
    return {name: value for name, value in fields.items() if value is not None}


def _string(fields: Mapping[str, Any], name: str) -> str:
    text = fields.get(name, "")
    if not isinstance(text, str):
        raise InvalidParameter(name, f"{name} must be a string.", "INVALID_TYPE")
    try:
        text.encode()
    except UnicodeEncodeError:  # "\ud800" is good JSON
        raise InvalidParameter(name, f"{name} contains an unpaired surrogate, no valid character.") from None
    return text


def _voice(fields: Mapping[str, Any]) -> str:
    voice = fields.get("voice")
    return _string(voice, "id") if isinstance(voice, dict) and voice.keys() == {"id"} else _string(fields, "voice")


def _choice(fields: Mapping[str, Any], name: str, choices: Collection[str], spellings: Mapping[str, str]) -> str:
    """One of the choices, the first when nothing is given."""
    given = _string(fields, name).strip()
    plain = given.lower().removeprefix("audio/").lstrip(".")
    chosen = spellings.get(plain, plain) or next(iter(choices))
    if chosen not in choices:
        raise InvalidParameter(
            name, f"{name} must be one of {', '.join(choices)}, not {given[:40]!r}.", "UNSUPPORTED_VALUE"
        )
    return chosen


def _number(fields: Mapping[str, Any], name: str, bounds: tuple[float, float]) -> float:
    """0 when nothing is given."""
    if name not in fields:
        return 0.0
    try:
        number = _parsed(fields[name])
    except (TypeError, ValueError, OverflowError):
        raise InvalidParameter(name, f"{name} must be a number.", "INVALID_TYPE") from None
    low, high = bounds
    if math.isnan(number) or not low <= number <= high:
        raise InvalidParameter(name, f"{name} must be {low:g} to {high:g}.")
    return number


def _parsed(given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        raise TypeError(given)
    return float(given)


def _boolean(fields: Mapping[str, Any], name: str) -> None:
    given = fields.get(name, False)
    if not isinstance(given, bool) and str(given).lower() not in ("true", "false", "1", "0"):
        raise InvalidParameter(name, f"{name} must be true or false.", "INVALID_TYPE")


def _language(given: str) -> str:
    return AUTO if is_auto(given) else KOKORO_LANGUAGES.get(given.strip().lower()) or openai_languages.tag(given)
