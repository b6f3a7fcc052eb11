"""Turns requests into what is to be recognised, refusing what is wrong by the field's path."""

from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.duration_pb2 import Duration
from voicebox.asr.v1 import asr_pb2
from voicebox_kit.errors import InvalidField

from . import languages
from .endpointing import Endpointing
from .source import Pcm

MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 48_000
MAX_CHANNELS = 8
END_SILENCE_SECONDS = (0.2, 5.0)
MAX_UTTERANCE_SECONDS = (1.0, 60.0)


@dataclass(frozen=True)
class Recognition:
    """How to recognise. `pcm` is None for files, which tell their format themselves; `language` is one of the model's."""

    pcm: Pcm | None
    language: str
    word_offsets: bool


def to_recognition(config: asr_pb2.RecognitionConfig, known_languages: Sequence[str], field: str) -> Recognition:
    """What a RecognitionConfig asks for; InvalidField, under the path `field`, where it is wrong."""
    language = languages.resolve(config.language, known_languages, f"{field}.language")
    return Recognition(_pcm(config, field), language, config.word_offsets)


def to_endpointing(config: asr_pb2.Endpointing, field: str) -> Endpointing:
    """What an Endpointing asks for; InvalidField, under the path `field`, where it is out of bounds."""
    default = Endpointing()
    return Endpointing(
        _seconds(config, "end_silence", default.end_silence_seconds, END_SILENCE_SECONDS, field),
        _seconds(config, "max_utterance", default.max_utterance_seconds, MAX_UTTERANCE_SECONDS, field),
    )


def _pcm(config: asr_pb2.RecognitionConfig, field: str) -> Pcm | None:
    match config.encoding:
        case asr_pb2.AUDIO_ENCODING_UNSPECIFIED:
            return None
        case asr_pb2.AUDIO_ENCODING_PCM_S16LE:
            rate, channels = config.sample_rate_hz, config.channel_count or 1
        case unknown:
            raise InvalidField(f"{field}.encoding", f"There is no audio encoding {unknown}.", "ENCODING_UNKNOWN")
    if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        raise InvalidField(
            f"{field}.sample_rate_hz", f"sample_rate_hz must be {MIN_RATE_HZ} to {MAX_RATE_HZ} for headerless audio, not {rate}."
        )
    if not 1 <= channels <= MAX_CHANNELS:
        raise InvalidField(f"{field}.channel_count", f"channel_count must be 1 to {MAX_CHANNELS}, not {channels}.")
    return Pcm(rate, channels)


def _seconds(config: asr_pb2.Endpointing, name: str, default: float, bounds: tuple[float, float], field: str) -> float:
    if not config.HasField(name):  # type: ignore[arg-type]  # the stubs know literal names only
        return default
    duration: Duration = getattr(config, name)
    seconds = duration.seconds + duration.nanos / 1e9
    low, high = bounds
    if not low <= seconds <= high:
        raise InvalidField(f"{field}.{name}", f"{name} must be {low:g} to {high:g} s, not {seconds:g} s.")
    return seconds
