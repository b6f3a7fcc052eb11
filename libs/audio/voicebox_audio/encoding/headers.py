"""Writes the length of a streamed file, once it is known, into its header, so that every reader sees a normal file."""

import struct

from .encoder import flac_with_length, wav_header, whole_wav
from .encodings import Encoding
from .marks import Mark, riff_info

_WAV_RATE = slice(24, 28)
_WAV_HEADER_BYTES = 44
_G711_HEADER = struct.Struct("<4sI8sIHHIIHHH4sII4sI")


def with_length(encoding: Encoding, beginning: bytes, sample_count: int) -> bytes:
    """The beginning of a streamed file, or all of it, with its length in the header.

    WAV needs its first 44 bytes, FLAC its first 26; the other encodings have no length, and are returned unchanged.
    """
    if encoding is Encoding.WAV:
        header = wav_header(int.from_bytes(beginning[_WAV_RATE], "little"), sample_count)
        return header + beginning[len(header) :]
    return flac_with_length(beginning, sample_count) if encoding is Encoding.FLAC else beginning


def finished(encoding: Encoding, streamed: bytes, sample_count: int, mark: Mark) -> bytes:
    """All of a streamed file, as a whole one: with its length, and a WAV file with its mark."""
    if encoding is not Encoding.WAV:
        return with_length(encoding, streamed, sample_count)
    pcm_s16le = streamed[_WAV_HEADER_BYTES:]
    return whole_wav(pcm_s16le, int.from_bytes(streamed[_WAV_RATE], "little"), mark)


def g711_wav(data: bytes, code: int, sample_rate_hz: int, mark: Mark) -> bytes:
    """A WAV file of G.711 bytes, with its mark behind them; `code` is 6 for A-law and 7 for mu-law."""
    count, info = len(data), riff_info(mark)
    padding = bytes(count % 2)
    header = _G711_HEADER.pack(
        b"RIFF", _G711_HEADER.size - 8 + count + len(padding) + len(info), b"WAVEfmt ", 18, code, 1, sample_rate_hz,
        sample_rate_hz, 1, 8, 0,
        b"fact", 4, count, b"data", count,
    )  # fmt: skip
    return header + data + padding + info
