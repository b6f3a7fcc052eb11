"""Turns rows and results into messages."""

from voicebox.conversion.v1 import conversion_pb2 as pb
from voicebox_audio.encoding.encodings import Encoding
from voicebox_kit.durations import to_duration
from voicebox_sql.keys import time_us_of

from voicebox_conversion.store.tables import VoiceModel
from voicebox_conversion.store.voice_models import COLLECTION


def voice_model(row: VoiceModel, description: str) -> pb.VoiceModel:
    """A voice model as callers see it."""
    usage = pb.VoiceModelUsage(conversions=row.conversions, converted=to_duration(row.converted_ms / 1000))
    if row.last_use_us is not None:
        usage.last_use_time.FromMicroseconds(row.last_use_us)
    message = pb.VoiceModel(
        name=f"{COLLECTION}/{row.id}",
        display_name=row.display_name,
        engine=row.engine,
        description=description,
        sample_rate_hz=row.sample_rate_hz,
        metrics=row.metrics,
        consent=row.consent,
        licence=row.licence,
        recordings_sha256=row.recordings_sha256,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        usage=usage,
        owner=row.owner,
    )
    message.create_time.FromMicroseconds(time_us_of(row.key))
    return message


def content_type(encoding: Encoding, sample_rate_hz: int) -> str:
    """The media type of an answer; of headerless samples it has the rate."""
    kind = encoding.content_type
    return f"{kind};rate={sample_rate_hz}" if encoding is Encoding.PCM_S16LE else kind


def warning_trailers(warnings: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The warnings as trailing metadata, for HTTP, whose answer is the audio alone: ASCII."""
    return tuple(
        ("x-voicebox-warning", " ".join(warning.split()).encode("ascii", "backslashreplace").decode())
        for warning in warnings
    )
