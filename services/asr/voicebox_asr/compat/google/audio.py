"""Detects what the bytes are that Google's clients send, and converts telephone audio."""

from collections.abc import Callable
from dataclasses import dataclass

from voicebox.asr.v1 import asr_pb2
from voicebox_audio.formats.sniff import sniff
from voicebox_audio.g711 import alaw_to_s16le, mulaw_to_s16le
from voicebox_kit.errors import InvalidField

AUTO = ""
"""The encoding of those who leave it to the file to say."""

SAMPLES: dict[str, Callable[[bytes], bytes]] = {"LINEAR16": bytes, "MULAW": mulaw_to_s16le, "ALAW": alaw_to_s16le}
"""The headerless encodings, and how each becomes little-endian signed 16-bit samples."""

FILES = ("FLAC", "OGG_OPUS", "MP3", "WEBM_OPUS", "MP4_AAC", "M4A_AAC", "MOV_AAC")


@dataclass(frozen=True)
class AudioFormat:
    """What a caller says of its audio: Google's name of the encoding, and, for samples, their rate and channels."""

    encoding: str
    sample_rate_hz: int = 0
    channel_count: int = 0


def checked(form: AudioFormat, field: str) -> AudioFormat:
    """The format; InvalidField, under the path `field`, for an encoding that cannot be decoded."""
    if form.encoding not in (AUTO, *SAMPLES, *FILES):
        raise InvalidField(
            field, f"{field} must be one of {', '.join((*SAMPLES, *FILES))}, not {form.encoding}.", "ENCODING_UNKNOWN"
        )
    return form


def to_samples(form: AudioFormat, start: bytes) -> Callable[[bytes], bytes] | None:
    """How the bytes become samples; None for a file. WAV files may come as LINEAR16, with their header."""
    return None if sniff(start) == "wav" else SAMPLES.get(form.encoding)


def set_format(native: asr_pb2.RecognitionConfig, form: AudioFormat) -> None:
    """Set the format of headerless samples. Files have their rate and channels in their headers."""
    native.encoding = asr_pb2.AUDIO_ENCODING_PCM_S16LE
    native.sample_rate_hz, native.channel_count = form.sample_rate_hz, form.channel_count
