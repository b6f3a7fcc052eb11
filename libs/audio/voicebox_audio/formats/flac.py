"""Reads FLAC files (RFC 9639): finds the frames, which FFmpeg's codec then decodes.

FFmpeg's own reader is not used, since it looks at ten frames before it gives the first: 0.7 to 2.6 s of 16 kHz speech.
Here the next frame's header is enough. A header counts when its check sum is right and its number is the one that must
follow.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import av

from voicebox_audio.errors import AudioError, AudioReason

from .ffmpeg import Damage, decoded
from .input import EncodedInput
from .links import ANY, LONGEST_BEGINNING
from .open_file import OpenFile

_STREAMINFO_BYTES = 34
_MAX_HEADER_BYTES = 16
_MIN_FRAME_BYTES = 8
_LIKELY_FRAME_BYTES = 65_536
"""How long the longest frame may be where the file does not say it. A longer one is damaged."""
_READ_BYTES = 16_384
_BLOCK_SIZES = {1: 192, 2: 576, 3: 1152, 4: 2304, 5: 4608} | {code: 1 << code for code in range(8, 16)}


def open_flac(encoded: EncodedInput) -> OpenFile:
    """Reads the metadata. AudioError AUDIO_UNREADABLE when it is broken."""
    info = _stream_info(encoded)
    packed = struct.unpack_from(">Q", info, 10)[0]
    sample_rate_hz, sample_count = packed >> 44, packed & (1 << 36) - 1
    promised = sample_count / sample_rate_hz if sample_count and sample_rate_hz else None
    codec = av.AudioCodecContext.create("flac", "r")
    codec.extradata = info
    codec.thread_count = 1
    frames = _frames(encoded, int.from_bytes(info[7:10], "big") or _LIKELY_FRAME_BYTES)
    damage = Damage()
    pieces = decoded(codec.decode, (av.Packet(frame) for frame in frames), damage)
    return OpenFile("flac", "flac", promised, pieces, lambda: not damage.lost)


def _stream_info(encoded: EncodedInput) -> bytes:
    """The block that says what is in the file; those behind it are passed over."""
    encoded.skip(4)
    info, last = b"", False
    while not last:
        head = encoded.exactly(4)
        if len(head) < 4:
            raise AudioError(AudioReason.AUDIO_UNREADABLE, "The FLAC file ends before its sound begins.")
        last, kind, size = bool(head[0] & 0x80), head[0] & 0x7F, int.from_bytes(head[1:], "big")
        if kind == 0 and size == _STREAMINFO_BYTES:
            info = encoded.exactly(size)
        else:
            encoded.skip(size)
    if len(info) < _STREAMINFO_BYTES:
        raise AudioError(AudioReason.AUDIO_UNREADABLE, "The FLAC file does not say what is in it.")
    return info


def _frames(encoded: EncodedInput, longest: int) -> Iterator[bytes]:
    """The bytes of each frame, whole, up to where another file begins.

    What is lost is found again: behind a damaged frame any later number is taken.
    """
    held, current, start, ended = bytearray(), None, 0, False
    while True:
        start = held.find(b"\xff", start)
        if (start < 0 or len(held) < start + _MAX_HEADER_BYTES) and not ended:
            start = len(held) if start < 0 else start
            piece = encoded.read(_READ_BYTES)
            held += piece
            ended = not piece or _end_at_next_file(encoded, held, len(piece))
            continue
        if start < 0:
            break
        header = _parse_header(held, start)
        if header is not None and header.follows(current, lost=start > longest):
            if current is not None:
                yield bytes(held[:start])
            del held[:start]
            current, start = header, _MIN_FRAME_BYTES
        else:
            start += 1
    if current is not None:
        yield bytes(held)


def _end_at_next_file(encoded: EncodedInput, held: bytearray, new_bytes: int) -> bool:
    """Whether another file begins in what is held; it then goes back to the input."""
    searched = max(len(held) - new_bytes - LONGEST_BEGINNING + 1, 0)
    found = ANY.whole.search(held, searched)
    if found is None:
        return False
    at = found.start()
    encoded.unread(bytes(held[at:]))
    del held[at:]
    return True


@dataclass(frozen=True)
class _Header:
    """A frame's number and the next one's. Frames are counted, or samples where the block size varies."""

    number: int
    next_number: int

    def follows(self, previous: "_Header | None", *, lost: bool) -> bool:
        """Whether this may be the header behind the previous one: the next, or when that was lost any later one."""
        return previous is None or self.number == previous.next_number or (lost and self.number > previous.number)


def _parse_header(data: bytearray, start: int) -> _Header | None:
    """The header at `start` (RFC 9639 9.1), None when there is none."""
    head = bytes(data[start : start + _MAX_HEADER_BYTES])
    if len(head) < 6 or head[1] & 0xFE != 0xF8 or head[3] & 1 or head[3] >> 4 > 10:
        return None
    block_code, rate_code = head[2] >> 4, head[2] & 15
    ones = next(
        (bit for bit in range(8) if not head[4] << bit & 0x80), 8
    )  # as in UTF-8: 110 leads two bytes, 1110 three
    if block_code == 0 or rate_code == 15 or ones in (1, 8):
        return None
    at = 4 + max(ones, 1)
    number = head[4] & (0x7F >> ones)
    for byte in head[5:at]:
        number = number << 6 | byte & 0x3F
    block_bytes = {6: 1, 7: 2}.get(block_code, 0)
    block_size = _BLOCK_SIZES.get(block_code) or int.from_bytes(head[at : at + block_bytes], "big") + 1
    end = at + block_bytes + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if end >= len(head) or _check_sum(head[:end]) != head[end]:
        return None
    return _Header(number, number + (block_size if head[1] & 1 else 1))


def _check_sum(data: bytes) -> int:
    """CRC-8 with the polynomial x^8 + x^2 + x + 1."""
    value = 0
    for byte in data:
        value = _check_sums()[value ^ byte]
    return value


@cache
def _check_sums() -> tuple[int, ...]:
    values = list(range(256))
    for _ in range(8):
        values = [(value << 1 ^ (0x07 if value & 0x80 else 0)) & 0xFF for value in values]
    return tuple(values)
