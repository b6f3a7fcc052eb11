"""Finds where a file's audio begins: tags, padding and cut frames may stand before it.

Tags are ID3v2 (https://id3.org/id3v2.4.0-structure), also in front of FLAC and AAC, and APEv2. Recordings of a
broadcast begin in the middle of a frame, so that the first whole one must be searched for. Downloads bring a byte order
mark, line ends or zeros.
"""

from voicebox_audio.errors import AudioError, AudioReason

from .input import EncodedInput
from .sniff import NAMES, SNIFF_BYTES, frame_bytes, same_stream, sniff

_PADDING = b"\0\t\n\r \xef\xbb\xbf"
_LEADING_BYTES = 4
"""How many bytes of padding a container may begin with."""
_KNOWN_BY_FRAMES = ("mp3", "aac")
_SEARCHED_BYTES = 16_384
"""How far behind tags the first frame may lie. A live stream that is no audio is refused after as much."""
_FRAMES_IN_A_ROW = 3
_TS_PACKET_BYTES = (188, 192)
_TS_PACKETS_IN_A_ROW = 4


def find_audio(encoded: EncodedInput) -> str:
    """Skips what stands before the audio, and returns its container.

    AudioError AUDIO_EMPTY when there are no bytes, AUDIO_FORMAT_REFUSED when no audio begins within 16 KiB behind tags
    and padding.
    """
    if not encoded.start(1):
        raise AudioError(AudioReason.AUDIO_EMPTY, "The audio is empty.")
    skipped = True
    while skipped:
        while tag_bytes := _tag_bytes(encoded.start(32)):
            encoded.skip(tag_bytes)
        if not encoded.start(1):
            raise AudioError(AudioReason.AUDIO_EMPTY, "The audio is nothing but tags.")
        container = sniff(encoded.start(SNIFF_BYTES))
        if container in _KNOWN_BY_FRAMES:
            return container if _frames_begin(encoded) else _search(encoded) or container
        if container is not None:
            return container
        skipped = _skip_padding(encoded)
    if found := _search(encoded):
        return found
    raise AudioError(AudioReason.AUDIO_FORMAT_REFUSED, f"The audio is none of {', '.join(NAMES.values())}.")


def _tag_bytes(start: bytes) -> int:
    """How long the tag is that the bytes begin with; 0 for none. The four bytes of an ID3 size have 7 bits each."""
    if start.startswith(b"ID3") and len(start) >= 10 and max(start[6:10]) < 0x80:
        size = start[6] << 21 | start[7] << 14 | start[8] << 7 | start[9]
        return 10 + size + (10 if start[5] & 0x10 else 0)
    if start.startswith(b"APETAGEX") and len(start) >= 32:
        return 32 + int.from_bytes(start[12:16], "little")
    return 0


def _skip_padding(encoded: EncodedInput) -> bool:
    """Skips zeros, white space and a byte order mark; True when anything but these follows them.

    A container may begin with bytes that look like padding, such as the size before `ftyp`: those stay.
    """
    skipped, before = False, b""
    while piece := encoded.read(_SEARCHED_BYTES):
        rest = piece.lstrip(_PADDING)
        before = (before + piece[: len(piece) - len(rest)])[-_LEADING_BYTES:]
        skipped = skipped or len(rest) < len(piece)
        if rest:
            encoded.unread(before + rest)
            start = encoded.start(_LEADING_BYTES + SNIFF_BYTES)
            encoded.skip(next((at for at in range(len(before)) if sniff(start[at:])), len(before)))
            return skipped
    raise AudioError(AudioReason.AUDIO_FORMAT_REFUSED, "The file contains only padding.")


def _search(encoded: EncodedInput) -> str | None:
    """Skips to where audio certainly begins, and returns its container; None when it does not within the searched
    bytes.
    """
    held = encoded.start(_SEARCHED_BYTES)
    for at in range(len(held)):
        container = _begins(held, at)
        if container is not None:
            encoded.skip(at)
            return container
    return None


def _begins(data: bytes, at: int) -> str | None:
    """The container whose stream certainly begins at this byte."""
    match data[at]:
        case 0xFF if _frames_follow(data, at):
            return "aac" if data[at + 1] & 0xF6 == 0xF0 else "mp3"
        case 0x47 if any(_packets_follow(data, at, size) for size in _TS_PACKET_BYTES):
            return "mpegts"
        case 0x66 if data[at : at + 8] in (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22"):
            return "flac"
        case 0x4F if data[at : at + 6] == b"OggS\x00\x02":
            return "ogg"
        case 0x0B if at == 0:
            return _dolby(data)
    return None


def _dolby(data: bytes) -> str | None:
    """AC-3 or E-AC-3 (ETSI TS 102 366, 4.3.1 and E.1.2.2), distinguished by the version of the bit stream."""
    if len(data) < 6 or data[1] != 0x77:
        return None
    version = data[5] >> 3
    if version <= 10:
        return "ac3" if data[4] >> 6 != 3 and data[4] & 63 < 38 else None
    return "eac3" if version <= 16 else None


def _frames_begin(encoded: EncodedInput) -> bool:
    """Whether frames follow each other at once. Waits for no more bytes than that needs: the stream may be live."""
    at = 0
    for _ in range(_FRAMES_IN_A_ROW - 1):
        length = frame_bytes(encoded.start(at + 6)[at:])
        if length is None:
            return False
        at += length
    return _frames_follow(encoded.start(at + 6), 0)


def _frames_follow(data: bytes, at: int) -> bool:
    """Whether MPEG frames of one stream follow each other here: three of them, or two that end with the data."""
    first = data[at : at + 6]
    for count in range(_FRAMES_IN_A_ROW):
        head = data[at : at + 6]
        length = frame_bytes(head)
        if length is None or not same_stream(first, head):
            return False
        at += length
        if at >= len(data):
            return count > 0
    return True


def _packets_follow(data: bytes, at: int, size: int) -> bool:
    """Whether packets of an MPEG transport stream (ISO/IEC 13818-1, sync byte 0x47) follow each other here."""
    ends = at + size * _TS_PACKETS_IN_A_ROW
    return ends <= len(data) and all(data[byte] == 0x47 for byte in range(at, ends, size))
