"""Puts right the lengths of AIFF files whose writer did not know them: a stream's header says 0, or as much as fits.

Apple's "Audio Interchange File Format 1.3": chunks of a name, four bytes of length and an even number of bytes; SSND
holds the audio.
"""

import struct

from .input import EncodedInput

_UNKNOWN_FROM = 0x7FFF0000
"""A length from here on is what writers put down when they do not know it."""
_ENDLESS = 0x7FFFFFFE
_MAX_CHUNK_BYTES = 65_536
"""How long chunks before the audio may be, for them to be looked at."""
_COUNT_AT = 2
"""Where COMM counts the frames."""


def with_length(encoded: EncodedInput) -> EncodedInput:
    """The same bytes, where the audio's length is unknown with a header that lets all that follows be audio."""
    head = encoded.exactly(12)
    comm_at = 0
    while len(chunk := encoded.exactly(8)) == 8:
        name, size = struct.unpack(">4sI", chunk)
        head += chunk
        if name == b"SSND":
            if size <= 8 or size >= _UNKNOWN_FROM:
                head = _endless(head, comm_at)
            break
        if size > _MAX_CHUNK_BYTES:
            break
        comm_at = len(head) if name == b"COMM" else comm_at
        head += encoded.exactly(size + size % 2)
    encoded.unread(head)
    return encoded


def _endless(head: bytes, comm_at: int) -> bytes:
    data = bytearray(head)
    struct.pack_into(">I", data, 4, _ENDLESS)
    struct.pack_into(">I", data, len(data) - 4, _ENDLESS)
    if comm_at:
        struct.pack_into(">I", data, comm_at + _COUNT_AT, 0)
    return bytes(data)
