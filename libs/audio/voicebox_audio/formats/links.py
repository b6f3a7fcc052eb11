"""One file of several that were joined: bytes up to where the next one begins."""

import re
from dataclasses import dataclass

from .input import EncodedInput
from .sniff import SNIFF_BYTES, sniff

_PAGE = b"OggS"
_PAGE_HEADER_BYTES = 27
_BEGINS_STREAM, _ENDS_STREAM = 0x02, 0x04
_BOX_HEADER_BYTES = 8
_WIDE_HEADER_BYTES = 16
_WAVPACK = b"wvpk"
_WAVPACK_HEADER_BYTES, _WAVPACK_INITIAL = 32, 0x800
LONGEST_BEGINNING = 64
"""How many bytes say for certain that a file begins: an EBML header (RFC 8794, 11.2.1) names its document type in
them.
"""

_MATROSKA = rb"\x1a\x45\xdf\xa3.{1,50}?(?:webm|matroska)"
_CHUNKED = rb"(?:RIFF|RIFX|RF64|BW64)....WAVE|FORM....AIF[FC]"
_MP4 = rb"\0\0\0[\x08-\x60]ftyp"
_OGG = rb"OggS\0\x02"
_FLAC = rb"fLaC[\0\x80]\0\0\x22"
_ID3 = rb"ID3[\x02-\x04]\0[\0\x10\x20\x40\x80\xc0][\0-\x7f]{4}"


@dataclass(frozen=True)
class Beginnings:
    """How files begin, by expressions that chance does not meet in a compressed stream; `leads` are their first
    bytes.
    """

    leads: re.Pattern[bytes]
    whole: re.Pattern[bytes]

    def may_begin(self, piece: bytes, start: int) -> int:
        """Where a file may begin, from `start` on; the length of the piece when nowhere. Its last bytes may be part of
        a lead.
        """
        found = self.leads.search(piece, start)
        return found.start() if found else len(piece)

    def begins(self, header: bytes) -> bool:
        """Whether a file begins with these bytes."""
        return bool(self.whole.match(header))


MATROSKA = Beginnings(
    re.compile(rb"\x1a(?:\x45(?:\xdf(?:\xa3|\Z)|\Z)|\Z)", re.DOTALL), re.compile(_MATROSKA, re.DOTALL)
)
_LEADS = rb"RI(?:FF|FX)|RF64|BW64|FORM|OggS|fLaC|ID3|\x1a\x45\xdf\xa3|\0\0\0.f"
_CUT_LEADS = rb"(?:RIF?|RF6?|BW6?|FOR?|Ogg?|fLa?|ID|\x1a\x45\xdf?|[RBFOfI\x1a]|\0|\0\0|\0\0\0.?)\Z"
ANY = Beginnings(
    re.compile(_LEADS + b"|" + _CUT_LEADS, re.DOTALL),
    re.compile(b"|".join((_CHUNKED, _MATROSKA, _MP4, _OGG, _FLAC, _ID3)), re.DOTALL),
)
"""Every kind of file that people join to another."""


class OggLink:
    """Ogg pages (RFC 3533, 6) up to the first that begins a stream anew: the beginnings of one link's streams stand
    together.

    Bytes that are no page go through as they are; FFmpeg finds the next page.
    """

    def __init__(self, encoded: EncodedInput) -> None:
        self._encoded = encoded
        self._left = 0
        self._in_beginning = True
        self._sequence: dict[bytes, int] = {}
        self._has_hole = self._has_ended = False

    @property
    def is_whole(self) -> bool:
        """Whether the last page that was seen says that a stream ends with it, and none before it is missing."""
        return self._has_ended and not self._has_hole

    def read(self, count: int) -> bytes:
        """At most `count` bytes, as soon as there are any; b"" at the end of the link."""
        if not self._left:
            self._left = self._next_page()
        piece = self._encoded.read(min(count, self._left)) if self._left else b""
        self._left -= len(piece)
        return piece

    def _next_page(self) -> int:
        """How many bytes may be read before the next look; 0 where the link ends."""
        header = self._encoded.start(_PAGE_HEADER_BYTES)
        if len(header) < _PAGE_HEADER_BYTES:
            return len(header)
        if not header.startswith(_PAGE):
            if ANY.begins(self._encoded.start(LONGEST_BEGINNING)):
                return 0
            next_page = header.find(_PAGE, 1)
            return next_page if next_page > 0 else len(header) - len(_PAGE) + 1
        begins = bool(header[5] & _BEGINS_STREAM)
        if begins and not self._in_beginning:
            return 0
        self._in_beginning = begins
        self._has_ended = bool(header[5] & _ENDS_STREAM)
        stream, number = header[14:18], int.from_bytes(header[18:22], "little")
        self._has_hole |= not begins and stream in self._sequence and number != self._sequence[stream] + 1
        self._sequence[stream] = number
        page = self._encoded.start(_PAGE_HEADER_BYTES + header[26])
        return len(page) + sum(page[_PAGE_HEADER_BYTES:])


class Mp4Link:
    """MP4 boxes (ISO/IEC 14496-12, 4.2) up to a second `ftyp`."""

    def __init__(self, encoded: EncodedInput) -> None:
        self._encoded = encoded
        self._left: int | None = 0
        self._typed = False
        self.has_index = False
        """Whether a box `moov` was seen."""

    def read(self, count: int) -> bytes:
        """At most `count` bytes, as soon as there are any; b"" at the end of the link."""
        if self._left == 0:
            self._left = self._next_box()
        if self._left is None:
            return self._encoded.read(count)
        piece = self._encoded.read(min(count, self._left)) if self._left else b""
        self._left -= len(piece)
        return piece

    def _next_box(self) -> int | None:
        """How long the next box is, 0 where the link ends, None where all that follows belongs to it."""
        header = self._encoded.start(_BOX_HEADER_BYTES)
        size, name = int.from_bytes(header[:4], "big"), header[4:8]
        if self._typed and sniff(self._encoded.start(SNIFF_BYTES)) not in (None, "mp4"):
            return 0
        self.has_index |= name == b"moov"
        if name == b"ftyp":
            if self._typed:
                return 0
            self._typed = True
        if size == 1:
            size = int.from_bytes(self._encoded.start(_WIDE_HEADER_BYTES)[8:], "big")
        return size if size >= _BOX_HEADER_BYTES else None


class WavPackLink:
    """WavPack blocks (https://www.wavpack.com/WavPack5FileFormat.pdf) up to the next that begins a file. Bytes that are
    no block, such as tags, go through as they are.
    """

    def __init__(self, encoded: EncodedInput) -> None:
        self._encoded = encoded
        self._left = 0
        self._begun = False

    def read(self, count: int) -> bytes:
        """At most `count` bytes, as soon as there are any; b"" at the end of the link."""
        if not self._left:
            self._left = self._next_block()
        piece = self._encoded.read(min(count, self._left)) if self._left else b""
        self._left -= len(piece)
        return piece

    def _next_block(self) -> int:
        """How many bytes may be read before the next look; 0 where the link ends."""
        header = self._encoded.start(_WAVPACK_HEADER_BYTES)
        if len(header) < _WAVPACK_HEADER_BYTES:
            return len(header)
        if not header.startswith(_WAVPACK):
            if ANY.begins(self._encoded.start(LONGEST_BEGINNING)):
                return 0
            next_block = header.find(_WAVPACK, 1)
            return next_block if next_block > 0 else len(header) - len(_WAVPACK) + 1
        number = header[10] << 32 | int.from_bytes(header[16:20], "little")
        holds_samples = any(header[20:24])
        is_first = number == 0 and holds_samples and int.from_bytes(header[24:28], "little") & _WAVPACK_INITIAL
        if is_first and self._begun:
            return 0
        self._begun |= bool(is_first)
        return 8 + int.from_bytes(header[4:8], "little")


class SearchedLink:
    """Any bytes up to where another file certainly begins: what is found by its first bytes in the midst of others."""

    def __init__(self, encoded: EncodedInput, beginnings: Beginnings) -> None:
        self._encoded = encoded
        self._beginnings = beginnings
        self._begun = False
        self._ended = False

    def read(self, count: int) -> bytes:
        """At most `count` bytes, as soon as there are any; b"" at the end of the link."""
        if self._ended:
            return b""
        piece = self._encoded.read(count)
        at = self._beginnings.may_begin(piece, 0 if self._begun else 1)
        self._begun = True
        if at == len(piece):
            return piece
        self._encoded.unread(piece[at:])
        self._ended = self._beginnings.begins(self._encoded.start(LONGEST_BEGINNING))
        return piece[:at] if self._ended or at else self._encoded.read(1)
