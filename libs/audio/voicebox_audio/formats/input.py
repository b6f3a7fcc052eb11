"""A file's bytes as they come: counted, and read from front to back."""

import io
from collections.abc import Callable
from typing import Protocol

from voicebox_audio.errors import AudioError, AudioReason

_SKIP_BYTES = 65536


class Readable(Protocol):
    """Bytes that are read from front to back."""

    def read(self, count: int, /) -> bytes:
        """At most `count` bytes, as soon as there are any; b"" at the end."""


class EncodedInput:
    """Encoded bytes that come from `receive(n)`, which waits, gives 1 to n bytes, and b"" at the end.

    AudioError AUDIO_TOO_LARGE as soon as more than `max_bytes` came.
    """

    def __init__(self, receive: Callable[[int], bytes], max_bytes: int) -> None:
        self._receive = receive
        self._max_bytes = max_bytes
        self._received = 0
        self._ahead = b""

    def start(self, count: int) -> bytes:
        """The first bytes, at most `count` and fewer only at the end of the file; they stay to be read."""
        while len(self._ahead) < count and (piece := self._next(count - len(self._ahead))):
            self._ahead += piece
        return self._ahead[:count]

    def read(self, count: int) -> bytes:
        """At most `count` bytes, as soon as there are any; b"" at the end."""
        if self._ahead:
            piece, self._ahead = self._ahead[:count], self._ahead[count:]
            return piece
        return self._next(count)

    def unread(self, data: bytes) -> None:
        """Puts bytes in front of what is to be read next."""
        self._ahead = data + self._ahead

    def exactly(self, count: int) -> bytes:
        """`count` bytes, fewer only at the end."""
        pieces = []
        while count > 0 and (piece := self.read(count)):
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)

    def skip(self, count: int) -> None:
        """Passes over `count` bytes, whatever a header claims, in small steps."""
        while count > 0 and (piece := self.read(min(count, _SKIP_BYTES))):
            count -= len(piece)

    def _next(self, count: int) -> bytes:
        piece = self._receive(count)
        self._received += len(piece)
        if self._received > self._max_bytes:
            raise AudioError(
                AudioReason.AUDIO_TOO_LARGE, f"The audio has more than the {self._max_bytes} bytes that are allowed."
            )
        return piece


class SeekableInput:
    """A seekable view of encoded input that keeps what was read: an MP4 file may hold its index behind its audio."""

    def __init__(self, encoded: Readable) -> None:
        self._encoded = encoded
        self._kept = bytearray()
        self._position = 0

    def read(self, count: int) -> bytes:
        """At most `count` bytes from the position, as soon as there are any; b"" at the end."""
        while self._position >= len(self._kept):
            piece = self._encoded.read(max(count, _SKIP_BYTES))
            if not piece:
                return b""
            self._kept += piece
        data = bytes(self._kept[self._position : self._position + count])
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves the position. From the end means from the end of the file: waits for all of it."""
        if whence == io.SEEK_END:
            while piece := self._encoded.read(_SKIP_BYTES):
                self._kept += piece
            offset += len(self._kept)
        elif whence == io.SEEK_CUR:
            offset += self._position
        self._position = max(offset, 0)
        return self._position

    def tell(self) -> int:
        """The position, in bytes."""
        return self._position
