"""Writes the length of a streamed file, once it is known, into its header, so that every reader sees a normal file."""

import struct

from .encoder import wav_header
from .encodings import Encoding

_FLAC_FACTS = slice(18, 26)
"""The 64 bits of STREAMINFO that end in the 36-bit count of samples: RFC 9639, 8.2. An encoder that streams leaves 0
there.
"""
_WAV_RATE = slice(24, 28)
_G711_HEADER = struct.Struct("<4sI8sIHHIIHHH4sII4sI")


def with_length(encoding: Encoding, beginning: bytes, sample_count: int) -> bytes:
    """The beginning of a streamed file, or all of it, with its length in the header.

    WAV needs its first 44 bytes, FLAC its first 26; the other encodings have no length, and are returned unchanged.
    """
    if encoding is Encoding.WAV:
        header = wav_header(int.from_bytes(beginning[_WAV_RATE], "little"), sample_count)
        return header + beginning[len(header) :]
    if encoding is Encoding.FLAC:
        facts = int.from_bytes(beginning[_FLAC_FACTS], "big") >> 36 << 36 | sample_count
        return beginning[: _FLAC_FACTS.start] + facts.to_bytes(8, "big") + beginning[_FLAC_FACTS.stop :]
    return beginning


def g711_wav(data: bytes, code: int, sample_rate_hz: int) -> bytes:
    """A WAV file of G.711 bytes; `code` is 6 for A-law and 7 for mu-law."""
    count = len(data)
    padding = bytes(count % 2)
    header = _G711_HEADER.pack(
        b"RIFF", _G711_HEADER.size - 8 + count + len(padding), b"WAVEfmt ", 18, code, 1, sample_rate_hz,
        sample_rate_hz, 1, 8, 0,
        b"fact", 4, count, b"data", count,
    )  # fmt: skip
    return header + data + padding
