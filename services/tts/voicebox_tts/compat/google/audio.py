"""Audio in the encodings that only Google has, and louder or softer."""

import asyncio
from collections.abc import Mapping
from importlib import import_module

import numpy as np
from voicebox.compat.google import texttospeech_v1_pb2 as google
from voicebox.tts.v1 import tts_pb2
from voicebox_audio.encoding.encoder import encode_whole
from voicebox_audio.encoding.encodings import Encoding
from voicebox_audio.encoding.headers import g711_wav
from voicebox_audio.encoding.marks import Mark, synthetic
from voicebox_compat.openai import Diagnostics
from voicebox_kit.errors import InvalidField

GAINS_DB = (-96.0, 16.0)
TELEPHONE_HZ = 8_000
"""The rate of mu-law and A-law where none is requested."""

G711: Mapping[int, tuple[Encoding, int]] = {google.MULAW: (Encoding.MULAW, 7), google.ALAW: (Encoding.ALAW, 6)}
"""The two laws of G.711, and their codes in a WAV file."""

ENCODINGS = {
    google.LINEAR16: Encoding.WAV,
    google.MP3: Encoding.MP3,
    google.OGG_OPUS: Encoding.OGG_OPUS,
    google.PCM: Encoding.PCM_S16LE,
}


def is_plain(config: google.AudioConfig) -> bool:
    """Whether the platform's own audio can be sent as it is."""
    return config.audio_encoding in ENCODINGS and not config.volume_gain_db


def media_type(config: google.AudioConfig) -> str:
    """Of what `rewritten` makes."""
    if config.audio_encoding == google.M4A:
        return "audio/mp4"
    return (Encoding.WAV if config.audio_encoding in G711 else ENCODINGS[config.audio_encoding]).content_type


def check_gain(decibels: float, field: str) -> None:
    """InvalidField where no program could mean it."""
    low, high = GAINS_DB
    if not low <= decibels <= high:
        raise InvalidField(field, f"{field} must be {low:g} to {high:g}, not {decibels:g}.")


async def rewritten(made: tts_pb2.SynthesizeResponse, config: google.AudioConfig, diagnostics: Diagnostics) -> bytes:
    """The samples of an answer in the requested encoding and at the requested loudness. G.711 comes in a WAV file, as
    Google's.
    """
    rate_hz, mark = made.started.audio.sample_rate_hz, synthetic(made.started.engine, made.started.model)
    return await asyncio.to_thread(_rewritten, made.audio, rate_hz, mark, config, diagnostics)


def _rewritten(audio: bytes, rate_hz: int, mark: Mark, config: google.AudioConfig, diagnostics: Diagnostics) -> bytes:
    samples = (
        np.frombuffer(audio, "<i2").astype(np.float32)
        / np.float32(32768)
        * np.float32(10 ** (config.volume_gain_db / 20))
    )
    if samples.size and np.abs(samples).max() > 1.0:
        diagnostics.warn(
            [f"At {config.volume_gain_db:g} dB the loudest samples are beyond full scale: they are cut off there."]
        )
        samples = np.clip(samples, -1.0, 1.0)
    try:
        if config.audio_encoding in G711:
            law, code = G711[config.audio_encoding]
            return g711_wav(encode_whole(law, samples, rate_hz), code, rate_hz, mark)
        if config.audio_encoding == google.M4A:
            written: bytes = import_module("voicebox_audio.encoding.m4a").encode_m4a(samples, rate_hz, mark)  # FFmpeg
            return written
        return encode_whole(ENCODINGS[config.audio_encoding], samples, rate_hz, mark)
    except ValueError as error:
        raise InvalidField("audio.sample_rate_hz", f"audio.sample_rate_hz: {error}.") from error
