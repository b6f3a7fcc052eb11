"""Writes samples as audio files, piece by piece as they are made or whole."""

import importlib
import io
import struct
from collections.abc import Callable
from typing import Protocol

import numpy as np

from voicebox_audio.g711 import s16le_to_alaw, s16le_to_mulaw
from voicebox_audio.pcm import Samples, to_s16le

from .encodings import Encoding, supported_rate
from .marks import UNMARKED, Mark, riff_info

_UNKNOWN_BYTES = 0xFFFFFFFF
"""What a WAV header says when its length is not known yet. Players and decoders then read to the end."""
_WAV_HEADER = struct.Struct("<4sI8sIHHIIHH4sI")
_FLAC_FACTS = slice(18, 26)
"""The 64 bits of STREAMINFO that end in the 36-bit count of samples: RFC 9639, 8.2. An encoder that streams leaves 0
there.
"""


_LAWS = {Encoding.MULAW: s16le_to_mulaw, Encoding.ALAW: s16le_to_alaw}


class Encoder(Protocol):
    """Writes one stream. All that `push` and `finish` return, joined, is one file."""

    def push(self, samples: Samples) -> bytes:
        """Takes samples, shape (n,); returns the bytes that are ready, maybe none."""

    def finish(self) -> bytes:
        """Returns the rest. Nothing may be pushed afterwards."""


def open_encoder(encoding: Encoding, sample_rate_hz: int, mark: Mark = UNMARKED) -> Encoder:
    """An encoder for a stream of unknown length. ValueError when it cannot be written at this rate.

    FLAC, Ogg Opus and MP3 begin with the mark. WAV has it behind the samples, of whole files only; the others have no
    room for one.

    PCM, WAV and G.711 give bytes at every push; FLAC after 70 to 110 ms of audio, MP3 after 50 to 140 ms, AAC after 20
    to 130 ms, Opus every 200 ms.
    """
    _check_rate(encoding, sample_rate_hz)
    if encoding is Encoding.PCM_S16LE:
        return _Pcm(b"")
    if encoding in _LAWS:
        return _G711(_LAWS[encoding])
    if encoding is Encoding.WAV:
        return _Pcm(wav_header(sample_rate_hz, None))
    # FFmpeg takes 16 MB and 0.2 s to load: only for those who need it.
    encoder: Encoder = importlib.import_module("voicebox_audio.encoding.ffmpeg_encoder").LibavEncoder(
        encoding, sample_rate_hz, mark
    )
    return encoder


def encode_whole(encoding: Encoding, samples: Samples, sample_rate_hz: int, mark: Mark = UNMARKED) -> bytes:
    """A finished file, shape (n,) in. WAV and FLAC then have their length in their header. ValueError as for
    `open_encoder`.
    """
    _check_rate(encoding, sample_rate_hz)
    if encoding is Encoding.WAV:
        return whole_wav(to_s16le(samples), sample_rate_hz, mark)
    if encoding is Encoding.FLAC and samples.size and not mark.entries:
        file = io.BytesIO()
        pcm = np.frombuffer(to_s16le(samples), "<i2")
        importlib.import_module("soundfile").write(file, pcm, sample_rate_hz, format="FLAC", subtype="PCM_16")
        return file.getvalue()
    encoder = open_encoder(encoding, sample_rate_hz, mark)
    written = encoder.push(samples) + encoder.finish()
    return flac_with_length(written, samples.size) if encoding is Encoding.FLAC and samples.size else written


def whole_wav(pcm_s16le: bytes, sample_rate_hz: int, mark: Mark) -> bytes:
    """A WAV file of 16-bit mono samples, with its mark behind them."""
    info = riff_info(mark)
    return wav_header(sample_rate_hz, len(pcm_s16le) // 2, len(info)) + pcm_s16le + info


def flac_with_length(beginning: bytes, sample_count: int) -> bytes:
    """The beginning of a streamed FLAC file, or all of it, with its length in STREAMINFO."""
    facts = int.from_bytes(beginning[_FLAC_FACTS], "big") >> 36 << 36 | sample_count
    return beginning[: _FLAC_FACTS.start] + facts.to_bytes(8, "big") + beginning[_FLAC_FACTS.stop :]


def wav_header(sample_rate_hz: int, sample_count: int | None, trailing_bytes: int = 0) -> bytes:
    """The 44 bytes before 16-bit mono samples, with chunks of `trailing_bytes` behind them. None: the length is not
    known yet.
    """
    size = _UNKNOWN_BYTES if sample_count is None else 2 * sample_count
    riff_size = min(size + _WAV_HEADER.size - 8 + trailing_bytes, _UNKNOWN_BYTES)
    return _WAV_HEADER.pack(
        b"RIFF", riff_size, b"WAVEfmt ", 16, 1, 1, sample_rate_hz, 2 * sample_rate_hz, 2, 16, b"data", size
    )


def _check_rate(encoding: Encoding, sample_rate_hz: int) -> None:
    if not supported_rate(encoding, sample_rate_hz):
        raise ValueError(f"{encoding} cannot be written at {sample_rate_hz} Hz")


class _G711:
    """Telephone audio without a header."""

    def __init__(self, law: Callable[[bytes], bytes]) -> None:
        self._law = law

    def push(self, samples: Samples) -> bytes:
        return self._law(to_s16le(samples))

    def finish(self) -> bytes:
        return b""


class _Pcm:
    """16-bit samples, behind a header or none."""

    def __init__(self, header: bytes) -> None:
        self._header = header

    def push(self, samples: Samples) -> bytes:
        return self.finish() + to_s16le(samples)

    def finish(self) -> bytes:
        header, self._header = self._header, b""
        return header
