"""Turns requests into the service's own types; InvalidField names what is wrong."""

import math

from voicebox.conversion.v1 import conversion_pb2 as pb
from voicebox_audio.encoding.encodings import Encoding, supported_rate
from voicebox_kit.errors import InvalidField

from voicebox_conversion.engine import Options
from voicebox_conversion.job import Job, Target, TargetKind

from . import checks

DEFAULT_STRENGTH = 0.5
MAX_SEMITONES = 24.0
MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 48_000
ENCODINGS = {
    pb.AUDIO_ENCODING_UNSPECIFIED: Encoding.WAV,
    pb.AUDIO_ENCODING_PCM_S16LE: Encoding.PCM_S16LE,
    pb.AUDIO_ENCODING_WAV: Encoding.WAV,
    pb.AUDIO_ENCODING_FLAC: Encoding.FLAC,
    pb.AUDIO_ENCODING_OGG_OPUS: Encoding.OGG_OPUS,
    pb.AUDIO_ENCODING_MP3: Encoding.MP3,
    pb.AUDIO_ENCODING_AAC: Encoding.AAC,
}


def to_job(config: pb.ConversionConfig, owner: str, field: str, *, is_live: bool) -> Job:
    """The job of a config, which is the request's `field`."""
    strength = config.strength if config.HasField("strength") else DEFAULT_STRENGTH
    if not 0.0 <= strength <= 1.0:
        raise InvalidField(f"{field}.strength", f"{field}.strength must be 0 to 1.")
    semitones = config.pitch_semitones
    if not math.isfinite(semitones) or abs(semitones) > MAX_SEMITONES:
        path = f"{field}.pitch_semitones"
        raise InvalidField(path, f"{path} must be {-MAX_SEMITONES:g} to {MAX_SEMITONES:g}.")
    return Job(_target(config.target, owner, f"{field}.target"), Options(strength, semitones, is_live))


def _target(value: str, owner: str, field: str) -> Target:
    collection = value.partition("/")[0]
    for kind in TargetKind:
        if collection == kind.value:
            return Target(kind, checks.name(collection, value, field), owner)
    raise InvalidField(field, f"{field} must be voiceModels/ or profiles/ and an id.")


def to_encoding(given: int) -> Encoding:
    """How the answer is written."""
    found = next((encoding for value, encoding in ENCODINGS.items() if value == given), None)
    if found is None:
        raise InvalidField("encoding", f"There is no encoding {given}.")
    return found


def rate(given: int, field: str) -> int:
    """Samples per second."""
    if not MIN_RATE_HZ <= given <= MAX_RATE_HZ:
        raise InvalidField(field, f"{field} must be {MIN_RATE_HZ} to {MAX_RATE_HZ}.")
    return given


def answer_rate(given: int, encoding: Encoding, engine_hz: int) -> int:
    """The rate of the answer: what is asked for, else the engine's own, else one that the encoding knows."""
    if given:
        if not supported_rate(encoding, rate(given, "sample_rate_hz")):
            raise InvalidField("sample_rate_hz", f"{encoding} cannot be written at {given} Hz.")
        return given
    return engine_hz if supported_rate(encoding, engine_hz) else MAX_RATE_HZ
