"""Detects what the bytes are that NVIDIA Riva's clients send, and converts telephone audio."""

from collections.abc import Callable
from dataclasses import dataclass

from voicebox.asr.v1 import asr_pb2
from voicebox.compat.riva import riva_asr_pb2, riva_audio_pb2
from voicebox_audio.formats.sniff import sniff
from voicebox_audio.g711 import alaw_to_s16le, mulaw_to_s16le
from voicebox_kit.errors import InvalidField

FILES = (riva_audio_pb2.FLAC, riva_audio_pb2.OGGOPUS)
SAMPLES: dict[int, Callable[[bytes], bytes]] = {
    riva_audio_pb2.LINEAR_PCM: bytes,
    riva_audio_pb2.MULAW: mulaw_to_s16le,
    riva_audio_pb2.ALAW: alaw_to_s16le,
}
"""The headerless encodings, and how each becomes little-endian signed 16-bit samples."""

PLAIN = ("wav", "flac", "ogg", "mp4", "webm")
"""Files that are known by whole words. MP3 and AAC begin with bits that samples could have, too."""


@dataclass(frozen=True)
class RivaAudio:
    """A caller's audio: a file in a container, or samples. `to_s16le` converts samples and leaves a file as it is."""

    is_file: bool
    to_s16le: Callable[[bytes], bytes] = bytes


def detect_audio(config: riva_asr_pb2.RecognitionConfig, start: bytes) -> RivaAudio:
    """What the config and the first bytes, SNIFF_BYTES of them or all, say together.

    NVIDIA's scripts send WAV files with their header as LINEAR_PCM and as ENCODING_UNSPECIFIED, and samples as both.
    Raises InvalidField("config.encoding") for an encoding that there is not.
    """
    container = sniff(start)
    if config.encoding in SAMPLES:
        return (
            RivaAudio(is_file=True)
            if container == "wav"
            else RivaAudio(is_file=False, to_s16le=SAMPLES[config.encoding])
        )
    if config.encoding == riva_audio_pb2.ENCODING_UNSPECIFIED:
        return RivaAudio(is_file=container in PLAIN or not config.sample_rate_hertz)
    if config.encoding in FILES:
        return RivaAudio(is_file=True)
    known = ", ".join(name for name, number in riva_audio_pb2.AudioEncoding.items() if number)
    raise InvalidField(
        "config.encoding", f"config.encoding must be one of {known}, not {config.encoding}.", "ENCODING_UNKNOWN"
    )


def set_format(native: asr_pb2.RecognitionConfig, config: riva_asr_pb2.RecognitionConfig, audio: RivaAudio) -> None:
    """Set the format of headerless samples. Files have their rate and channels in their headers."""
    if not audio.is_file:
        native.encoding = asr_pb2.AUDIO_ENCODING_PCM_S16LE
        native.sample_rate_hz = config.sample_rate_hertz
        native.channel_count = config.audio_channel_count
