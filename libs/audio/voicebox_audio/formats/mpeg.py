"""Reads MPEG audio and ADTS, and finds whether it was cut off: by the count of frames that encoders put first, and by
the last frame.
"""

from dataclasses import replace

from .ffmpeg import open_libav
from .input import EncodedInput
from .links import ANY, SearchedLink
from .open_file import OpenFile
from .sniff import frame_bytes, mpeg_rate_hz, mpeg_samples
from .walks import UnitWalk, Watched

_HEADER_BYTES = 6
_SIDE_BYTES = (36, 21, 13)
"""Where the tag Xing or Info may stand: behind 4 bytes of header and 32, 17 or 9 of side information."""
_TAG_HEAD_BYTES = 12
_HAS_COUNT = 1
_PADDING_SECONDS = 0.2
"""How much less than counted is still whole: decoders leave out the encoder's delay and padding."""


def open_mpeg(encoded: EncodedInput, container: str) -> OpenFile:
    """As `open_libav`. `promised_seconds` is by the tag Xing or Info, `ended_whole` says whether the last frame is all
    there and none before it is broken.
    """
    promised = _counted_seconds(encoded.start(_SIDE_BYTES[0] + _TAG_HEAD_BYTES)) if container == "mp3" else None
    frames = FrameWalk()
    reading = open_libav(Watched(SearchedLink(encoded, ANY), frames), container)
    return replace(reading, promised_seconds=promised, ended_whole=lambda: frames.is_whole and reading.ended_whole())


def _counted_seconds(start: bytes) -> float | None:
    """How long the audio is by the tag in its first frame: https://gabriel.mp3-tech.org/mp3infotag.html; None without
    one.
    """
    rate_hz = mpeg_rate_hz(start) if frame_bytes(start) else 0
    for at in _SIDE_BYTES:
        tag = start[at : at + _TAG_HEAD_BYTES]
        if rate_hz and tag[:4] in (b"Xing", b"Info") and len(tag) == _TAG_HEAD_BYTES:
            flags, count = int.from_bytes(tag[4:8], "big"), int.from_bytes(tag[8:], "big")
            if flags & _HAS_COUNT and count:
                return max(0.0, count * mpeg_samples(start) / rate_hz - _PADDING_SECONDS)
    return None


class FrameWalk(UnitWalk):
    """Goes from frame to frame."""

    def __init__(self) -> None:
        super().__init__(_HEADER_BYTES, frame_bytes)
