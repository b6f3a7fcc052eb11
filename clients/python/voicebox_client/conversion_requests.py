"""Builds requests to conversion: pure functions that both clients share."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, TypedDict, Unpack

from google.api import httpbody_pb2
from voicebox.conversion.v1 import conversion_pb2

from .requests import resource

ConvertedEncoding = Literal["wav", "flac", "ogg", "mp3", "aac", "pcm"]

ENCODINGS: "Mapping[str, conversion_pb2.AudioEncoding.ValueType]" = {
    "wav": conversion_pb2.AUDIO_ENCODING_WAV,
    "flac": conversion_pb2.AUDIO_ENCODING_FLAC,
    "ogg": conversion_pb2.AUDIO_ENCODING_OGG_OPUS,
    "mp3": conversion_pb2.AUDIO_ENCODING_MP3,
    "aac": conversion_pb2.AUDIO_ENCODING_AAC,
    "pcm": conversion_pb2.AUDIO_ENCODING_PCM_S16LE,
}
COLLECTION = "voiceModels"


class VoiceChange(TypedDict, total=False):
    """How the voice is changed; what is left out is the server's default."""

    strength: Annotated[float, "how much of the voice is replaced, 0 to 1; default 0.5"]
    pitch_semitones: Annotated[float, "how much higher than the target's own pitch, -24 to 24"]


class ConversionOptions(VoiceChange, total=False):
    """How a file is converted and written."""

    encoding: Annotated[ConvertedEncoding, "the form of the audio; default wav"]
    sample_rate_hz: Annotated[int, "8000 to 48000; default: the engine's own"]


def config(target: str, **options: Unpack[VoiceChange]) -> conversion_pb2.ConversionConfig:
    """A target without its collection is a voice model."""
    name = target if "/" in target else resource(COLLECTION, target)
    return conversion_pb2.ConversionConfig(
        target=name, strength=options.get("strength"), pitch_semitones=options.get("pitch_semitones", 0.0)
    )


def convert(target: str, **options: Unpack[ConversionOptions]) -> conversion_pb2.ConvertSpeechRequest:
    """The first message, without its audio. Raises ValueError for an unknown encoding."""
    encoding = options.get("encoding", "wav")
    if encoding not in ENCODINGS:
        raise ValueError(f"There is no encoding {encoding!r}: choose one of {', '.join(ENCODINGS)}.")
    return conversion_pb2.ConvertSpeechRequest(
        config=config(target, **_change(options)),
        encoding=ENCODINGS[encoding],
        sample_rate_hz=options.get("sample_rate_hz", 0),
    )


def uploaded(
    pieces: Iterator[bytes], first: conversion_pb2.ConvertSpeechRequest
) -> Iterator[conversion_pb2.ConvertSpeechRequest]:
    """The messages of an upload; the first one carries the rest of the request."""
    begun = conversion_pb2.ConvertSpeechRequest(audio=httpbody_pb2.HttpBody(data=next(pieces, b"")))
    begun.MergeFrom(first)
    yield begun
    for piece in pieces:
        yield conversion_pb2.ConvertSpeechRequest(audio=httpbody_pb2.HttpBody(data=piece))


def live(target: str, sample_rate_hz: int, **options: Unpack[VoiceChange]) -> conversion_pb2.StreamingConvertRequest:
    """The first message of a live stream."""
    conversion = config(target, **options)
    given = conversion_pb2.StreamingConvertConfig(conversion=conversion, sample_rate_hz=sample_rate_hz)
    return conversion_pb2.StreamingConvertRequest(config=given)


def live_piece(samples: bytes) -> conversion_pb2.StreamingConvertRequest:
    """The message that carries some samples."""
    return conversion_pb2.StreamingConvertRequest(audio=samples)


def import_voice_model(
    voice_model_id: str, id_: str, pieces: Iterator[bytes]
) -> Iterator[conversion_pb2.ImportVoiceModelRequest]:
    """The messages of an upload; the first one has all but the rest of the file."""
    yield conversion_pb2.ImportVoiceModelRequest(
        voice_model_id=voice_model_id, request_id=id_, archive=httpbody_pb2.HttpBody(data=next(pieces, b""))
    )
    for piece in pieces:
        yield conversion_pb2.ImportVoiceModelRequest(archive=httpbody_pb2.HttpBody(data=piece))


class CheckpointWords(TypedDict, total=False):
    """What is said of a checkpoint."""

    display_name: Annotated[str, "what the voice is called"]
    consent: Annotated[str, "who agreed to what"]
    licence: Annotated[str, "who may use it; default: not known"]
    engine: Annotated[str, "whose format it is; default rvc"]


def import_checkpoint(
    voice_model_id: str,
    id_: str,
    index: Iterator[bytes],
    words: CheckpointWords,
    pieces: Iterator[bytes],
) -> Iterator[conversion_pb2.ImportVoiceModelRequest]:
    """The messages of an upload of a checkpoint, and of its index behind it; the first one has what is said of it."""
    yield conversion_pb2.ImportVoiceModelRequest(
        voice_model_id=voice_model_id, request_id=id_, checkpoint=conversion_pb2.CheckpointWords(**words)
    )
    for piece in pieces:
        yield conversion_pb2.ImportVoiceModelRequest(archive=httpbody_pb2.HttpBody(data=piece))
    for piece in index:
        yield conversion_pb2.ImportVoiceModelRequest(index=piece)


def _change(options: ConversionOptions) -> VoiceChange:
    change: VoiceChange = {}
    if "strength" in options:
        change["strength"] = options["strength"]
    if "pitch_semitones" in options:
        change["pitch_semitones"] = options["pitch_semitones"]
    return change
