"""OpenAI's Realtime session object, and what its settings mean for asr and tts."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from voicebox.asr.v1 import asr_pb2
from voicebox_compat import openai_languages
from voicebox_compat.openai import Diagnostics
from voicebox_kit.durations import to_duration
from voicebox_kit.errors import InvalidField

from . import beta_session
from .events import new_id
from .models import own_name
from .values import as_object, number, text

RATE_HZ = 24_000
PCM = {"type": "audio/pcm", "rate": RATE_HZ}
LONGEST_SESSION_SECONDS = 3600
"""OpenAI's own limit."""

LONGEST_SILENCE_SECONDS = 5.0
"""asr's maximum. It is used when the client ends turns itself, so that pauses do not end them."""

SERVER_VAD = {
    "type": "server_vad",
    "threshold": 0.5,
    "silence_duration_ms": 500,
    "create_response": False,
    "interrupt_response": True,
}
EAGERNESS_SECONDS = {"low": 2.0, "medium": 1.0, "auto": 1.0, "high": 0.5}
"""Silence that ends a turn with `semantic_vad`, which here depends on silence only."""

FIXED = frozenset({"type", "id", "object", "expires_at"})
IDLE: tuple[object, ...] = (None, [], False, "auto", "none", "inf")
"""Values that are the same as leaving a field out."""

INPUT = frozenset({"format", "noise_reduction", "transcription", "turn_detection"})
OUTPUT = frozenset({"format", "voice", "speed"})
TRANSCRIPTION = frozenset({"model", "language", "prompt"})
DETECTION = frozenset(
    {
        "type",
        "threshold",
        "prefix_padding_ms",
        "silence_duration_ms",
        "eagerness",
        "create_response",
        "interrupt_response",
        "idle_timeout_ms",
    }
)

Session = Mapping[str, Any]


@dataclass(frozen=True)
class InputSettings:
    """How input audio is transcribed. Without `detects_turns` the client ends turns; with `interrupts` the beginning of
    a turn stops the response.
    """

    config: asr_pb2.StreamingConfig
    transcribes: bool
    detects_turns: bool
    interrupts: bool


def new(kind: str, model: str) -> Session:
    """A session of the kind `transcription` or `realtime`."""
    input_audio = {
        "format": PCM,
        "noise_reduction": None,
        "transcription": {"model": "whisper-1"},
        "turn_detection": SERVER_VAD,
    }
    common = {"type": kind, "id": new_id("sess"), "expires_at": int(time.time()) + LONGEST_SESSION_SECONDS}
    if kind == "transcription":
        return {**common, "object": "realtime.transcription_session", "audio": {"input": input_audio}}
    output_audio = {"format": PCM, "voice": "alloy", "speed": 1.0}
    talks = {
        "model": model,
        "instructions": "",
        "output_modalities": ["audio"],
        "audio": {"input": input_audio, "output": output_audio},
    }
    return {**common, "object": "realtime.session", **talks}


def updated(session: Session, change: object, diagnostics: Diagnostics) -> Session:
    """The session with a client's changes; InvalidField where one is not supported. Ignored fields are named by their
    paths.
    """
    fields = beta_session.current(as_object(change, "session"))
    if fields.get("type", session["type"]) != session["type"]:
        raise InvalidField(
            "session.type", f"This is a {session['type']} session: connect again for the other kind.", "INVALID_VALUE"
        )
    ignore_unknown(fields, session.keys() | FIXED, "session", diagnostics)
    change_of_audio = as_object(fields.get("audio") or {}, "session.audio")
    audio = _merged(session["audio"], change_of_audio, diagnostics)
    result = {
        **session,
        **{name: value for name, value in fields.items() if name in session.keys() - FIXED},
        "audio": audio,
    }
    input_settings(result)
    if (change_of_audio.get("input") or {}).get("noise_reduction"):
        diagnostics.ignore("session.audio.input.noise_reduction")
    if "output" in audio:
        text(result, "instructions", "session")
        speech(result, {}, "session")
    return result


def input_settings(session: Session) -> InputSettings:
    """The settings for asr; InvalidField where asr does not support one."""
    path = "session.audio.input"
    given = session["audio"]["input"]
    _check_format(given.get("format"), f"{path}.format")
    wanted = as_object(given.get("transcription") or {}, f"{path}.transcription")
    turns = as_object(given.get("turn_detection") or {}, f"{path}.turn_detection")
    detects = given.get("turn_detection") is not None
    config = asr_pb2.StreamingConfig(
        recognition=_recognition(wanted, turns, path),
        interim_results=detects,
        endpointing=asr_pb2.Endpointing(
            end_silence=to_duration(
                _silence_seconds(turns, f"{path}.turn_detection") if detects else LONGEST_SILENCE_SECONDS
            )
        ),
    )
    return InputSettings(
        config, given.get("transcription") is not None, detects, turns.get("interrupt_response", True) is not False
    )


def speech(session: Session, response: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The fields of OpenAI's speech request, without its input. `response` changes them for one response; `path` is its
    path in the client's event. The session's instructions are not used: they are for a language model.
    """
    change = as_object(
        as_object(response.get("audio") or {}, f"{path}.audio").get("output") or {}, f"{path}.audio.output"
    )
    output = {**session["audio"]["output"], **change}
    _check_format(output.get("format"), f"{path}.audio.output.format")
    if (response.get("output_modalities") or session["output_modalities"]) != ["audio"]:
        raise InvalidField(f"{path}.output_modalities", 'output_modalities must be ["audio"].', "UNSUPPORTED_VALUE")
    speed = number(output, "speed", f"{path}.audio.output", 0.25, 4.0, 1.0)
    voice = output.get("voice")
    return {
        "model": own_name(text({**session}, "model", path)),
        "voice": text(voice, "id", f"{path}.audio.output.voice")
        if isinstance(voice, dict)
        else text(output, "voice", f"{path}.audio.output"),
        "instructions": text(response, "instructions", path),
        "response_format": "pcm",
        **({} if speed == 1.0 else {"speed": speed}),
    }


def ignore_unknown(given: Mapping[str, Any], known: Collection[str], path: str, diagnostics: Diagnostics) -> None:
    """Name as ignored what is unknown, such as the settings and tools of a language model: there is none here."""
    for name in given:
        if name not in known and given[name] not in IDLE:
            diagnostics.ignore(f"{path}.{name}")


def _merged(audio: Mapping[str, Any], change: Mapping[str, Any], diagnostics: Diagnostics) -> Mapping[str, Any]:
    """`audio` with the changes; unknown fields are named as ignored and dropped."""
    _known(change, audio.keys(), "session.audio", diagnostics)
    sides = {}
    for side, values in audio.items():
        path = f"session.audio.{side}"
        kept = _known(as_object(change.get(side) or {}, path), INPUT if side == "input" else OUTPUT, path, diagnostics)
        for name, names in (("transcription", TRANSCRIPTION), ("turn_detection", DETECTION)):
            if kept.get(name):
                kept[name] = _known(as_object(kept[name], f"{path}.{name}"), names, f"{path}.{name}", diagnostics)
        sides[side] = {**values, **kept}
    return sides


def _known(given: Mapping[str, Any], known: Collection[str], path: str, diagnostics: Diagnostics) -> dict[str, Any]:
    for name, value in given.items():
        if name not in known and value is not None:
            diagnostics.ignore(f"{path}.{name}")
    return {name: value for name, value in given.items() if name in known}


def _recognition(wanted: Mapping[str, Any], turns: Mapping[str, Any], path: str) -> asr_pb2.RecognitionConfig:
    model = own_name(text(wanted, "model", f"{path}.transcription"))
    threshold = number(turns, "threshold", f"{path}.turn_detection", 0.0, 1.0, 0.5)
    return asr_pb2.RecognitionConfig(
        encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE,
        sample_rate_hz=RATE_HZ,
        model=f"models/{model}" if model else "",
        language=openai_languages.tag(text(wanted, "language", f"{path}.transcription")).partition("-")[0],
        prompt=text(wanted, "prompt", f"{path}.transcription"),
        # 0.5 is what every client sends unasked, also where a detector knows no threshold.
        voice_activity=None if threshold == 0.5 else asr_pb2.VoiceActivityConfig(threshold=threshold),
    )


def _silence_seconds(turns: Mapping[str, Any], path: str) -> float:
    if turns.get("create_response"):
        raise InvalidField(
            f"{path}.create_response",
            "There is no language model here to answer: create_response must be false.",
            "UNSUPPORTED_VALUE",
        )
    if turns.get("idle_timeout_ms"):
        raise InvalidField(
            f"{path}.idle_timeout_ms",
            "There is no language model here to speak after a silence: leave idle_timeout_ms out.",
            "UNSUPPORTED_VALUE",
        )
    kind = text(turns, "type", path) or "server_vad"
    if kind == "semantic_vad":
        eagerness = text(turns, "eagerness", path) or "auto"
        if eagerness not in EAGERNESS_SECONDS:
            raise InvalidField(
                f"{path}.eagerness", f"eagerness must be one of {', '.join(EAGERNESS_SECONDS)}.", "INVALID_VALUE"
            )
        return EAGERNESS_SECONDS[eagerness]
    if kind != "server_vad":
        raise InvalidField(f"{path}.type", "turn_detection must be server_vad, semantic_vad or null.", "INVALID_VALUE")
    return number(turns, "silence_duration_ms", path, 200, 1000 * LONGEST_SILENCE_SECONDS, 500) / 1000


def _check_format(given: object, path: str) -> None:
    if given is not None and given not in (PCM, {"type": "audio/pcm"}):
        raise InvalidField(
            path, "The audio is audio/pcm of 24000 Hz: 16 bits, little-endian, mono.", "UNSUPPORTED_VALUE"
        )
