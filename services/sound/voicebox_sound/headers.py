"""Writes the length of a streamed file, known at its end, into its header, so that every reader sees a normal file."""

import struct

from voicebox_sound.encode import Encoding, wav_header

_WAV_RATE_OFFSET = 24
_FLAC_TOTAL_OFFSET = 18
"""Of the 64 bits of STREAMINFO that end in the 36-bit count of samples (RFC 9639, section 8.2)."""
_FLAC_TOTAL_MASK = (1 << 36) - 1


def completed(encoding: Encoding, audio: bytes, sample_count: int) -> bytes:
    """A whole streamed file with its length in its header: WAV and FLAC; the other formats tell none."""
    if encoding is Encoding.WAV:
        (rate,) = struct.unpack_from("<I", audio, _WAV_RATE_OFFSET)
        header = wav_header(rate, sample_count)
        return header + audio[len(header) :]
    if encoding is Encoding.FLAC:
        whole = bytearray(audio)
        (fields,) = struct.unpack_from(">Q", whole, _FLAC_TOTAL_OFFSET)
        struct.pack_into(">Q", whole, _FLAC_TOTAL_OFFSET, (fields & ~_FLAC_TOTAL_MASK) | sample_count)
        return bytes(whole)
    return audio
