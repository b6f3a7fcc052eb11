"""One file of several that were joined: bytes up to where the next one begins."""

from .input import Intake

_PAGE = b"OggS"
_PAGE_HEADER_BYTES = 27
_BEGINS_STREAM, _ENDS_STREAM = 0x02, 0x04
_BOX_HEADER_BYTES = 8
_WIDE_HEADER_BYTES = 16
_EBML = b"\x1a\x45\xdf\xa3"
_EBML_HEADER_BYTES = 64
"""How much of an EBML header is looked at for its document type."""


class OggLink:
    """Ogg pages (RFC 3533, 6) up to the first that begins a stream anew: the beginnings of one link's streams stand
    together.

    Bytes that are no page go through as they are; FFmpeg finds the next page.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._left = 0
        self._in_beginning = True
        self.is_whole = False
        """Whether the last page that was seen says that a stream ends with it."""

    def read(self, count: int) -> bytes:
        """At most `count` bytes, as soon as there are any; b"" at the end of the link."""
        if not self._left:
            self._left = self._next_page()
        piece = self._intake.read(min(count, self._left)) if self._left else b""
        self._left -= len(piece)
        return piece

    def _next_page(self) -> int:
        """How many bytes may be read before the next look; 0 where the link ends."""
        header = self._intake.start(_PAGE_HEADER_BYTES)
        if len(header) < _PAGE_HEADER_BYTES:
            return len(header)
        if not header.startswith(_PAGE):
            next_page = header.find(_PAGE, 1)
            return next_page if next_page > 0 else len(header) - len(_PAGE) + 1
        begins = bool(header[5] & _BEGINS_STREAM)
        if begins and not self._in_beginning:
            return 0
        self._in_beginning = begins
        self.is_whole = bool(header[5] & _ENDS_STREAM)
        page = self._intake.start(_PAGE_HEADER_BYTES + header[26])
        return len(page) + sum(page[_PAGE_HEADER_BYTES:])


class Mp4Link:
    """MP4 boxes (ISO/IEC 14496-12, 4.2) up to a second `ftyp`."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._left: int | None = 0
        self._typed = False

    def read(self, count: int) -> bytes:
        """At most `count` bytes, as soon as there are any; b"" at the end of the link."""
        if self._left == 0:
            self._left = self._next_box()
        if self._left is None:
            return self._intake.read(count)
        piece = self._intake.read(min(count, self._left)) if self._left else b""
        self._left -= len(piece)
        return piece

    def _next_box(self) -> int | None:
        """How long the next box is, 0 where the link ends, None where all that follows belongs to it."""
        header = self._intake.start(_BOX_HEADER_BYTES)
        size, name = int.from_bytes(header[:4], "big"), header[4:8]
        if name == b"ftyp":
            if self._typed:
                return 0
            self._typed = True
        if size == 1:
            size = int.from_bytes(self._intake.start(_WIDE_HEADER_BYTES)[8:], "big")
        return size if size >= _BOX_HEADER_BYTES else None


class WebmLink:
    """WebM or Matroska up to a second EBML header (RFC 8794, 11.2.1) that names one of them."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._begun = False
        self._ended = False

    def read(self, count: int) -> bytes:
        """At most `count` bytes, as soon as there are any; b"" at the end of the link."""
        if self._ended:
            return b""
        piece = self._intake.read(count)
        at = _magic_at(piece, 0 if self._begun else 1)
        self._begun = True
        if at == len(piece):
            return piece
        self._intake.give_back(piece[at:])
        header = self._intake.start(_EBML_HEADER_BYTES)
        self._ended = header.startswith(_EBML) and (b"webm" in header or b"matroska" in header)
        if self._ended or at:
            return piece[:at]
        return self._intake.read(1)


def _magic_at(piece: bytes, start: int) -> int:
    """Where an EBML header begins, or may begin with the last bytes; the length of the piece when nowhere."""
    whole = piece.find(_EBML, start)
    if whole >= 0:
        return whole
    cut = (len(piece) - length for length in range(len(_EBML) - 1, 0, -1) if piece.endswith(_EBML[:length]))
    return next((at for at in cut if at >= start), len(piece))
