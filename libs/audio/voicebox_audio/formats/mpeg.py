"""Reads MPEG audio and ADTS, and finds whether it was cut off: by the count of frames that encoders put first, and by
the last frame.
"""

from dataclasses import replace

from .ffmpeg import open_libav
from .input import EncodedInput
from .links import ANY, SearchedLink
from .open_file import OpenFile
from .sniff import frame_bytes, mpeg_rate_hz, mpeg_samples

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
    reading = open_libav(_Watched(SearchedLink(encoded, ANY), frames), container)
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


class _Watched:
    """A link whose frames are followed as they are read."""

    def __init__(self, link: SearchedLink, frames: "FrameWalk") -> None:
        self._link = link
        self._frames = frames

    def read(self, count: int) -> bytes:
        piece = self._link.read(count)
        self._frames.push(piece)
        return piece


class FrameWalk:
    """Goes from frame to frame. Where no frame follows, as before tags at the end, it goes no further."""

    def __init__(self) -> None:
        self._left = 0
        self._head = b""
        self._lost = False

    @property
    def is_whole(self) -> bool:
        """Whether the bytes so far do not end within a frame."""
        return self._lost or (self._left == 0 and not self._head)

    def push(self, piece: bytes) -> None:
        """The next bytes."""
        at = 0
        while at < len(piece) and not self._lost:
            step = min(self._left, len(piece) - at)
            self._left -= step
            at += step
            if self._left == 0 and at < len(piece):
                taken = piece[at : at + _HEADER_BYTES - len(self._head)]
                self._head += taken
                at += len(taken)
                self._enter()

    def _enter(self) -> None:
        """A frame begins, when all of its header is here."""
        if len(self._head) < _HEADER_BYTES:
            return
        length = frame_bytes(self._head)
        self._lost = length is None or length < _HEADER_BYTES
        self._left = 0 if length is None else length - _HEADER_BYTES
        self._head = b""
