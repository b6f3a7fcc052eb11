"""Parses a multipart form while it arrives: its fields, and the bytes of its one file.

RFC 7578. The parser is python-multipart's, which is pushed and holds nothing back.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from voicebox_kit.errors import InvalidField

from .openai import InvalidParameter

FILE = "file"
INDEX = re.compile(r"\[\d*\]$")
MAX_FIELDS = 64
MAX_FIELD_BYTES = 16 * 1024
"""A prompt of 1000 characters has at most 4 kB."""


@dataclass(frozen=True)
class Field:
    """A field of the form, complete."""

    name: str
    value: str


def plain_name(name: str) -> str:
    """`timestamp_granularities` for `timestamp_granularities[]`, `...[0]` and `...%5B%5D`; `file` for `file[]`."""
    return INDEX.sub("", unquote(name).strip())


@dataclass
class _Part:
    """The part of the form that is just being read."""

    header: bytearray = field(default_factory=bytearray)
    header_value: bytearray = field(default_factory=bytearray)
    name: str = ""
    is_file: bool = False
    is_other_file: bool = False
    file_name: str = ""
    value: bytearray = field(default_factory=bytearray)


class Form:
    """A form that is being read. `has_file` says whether the file has begun, `file_name` what the client calls it,
    `is_whole` whether the form has ended.

    `other_files` are the names of files in other fields; they are dropped.
    """

    def __init__(self, content_type: str) -> None:
        """InvalidField when that is no form's content type."""
        kind, options = parse_options_header(content_type.encode("ascii", "replace"))
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            sentence = "The request must be a form: content-type multipart/form-data, with a boundary."
            raise InvalidField("content-type", sentence, "UNSUPPORTED_CONTENT_TYPE")
        self.has_file = self.is_whole = False
        self.file_name = ""
        self.other_files: list[str] = []
        self._part = _Part()
        self._found: list[Field | bytes] = []
        self._fields = 0
        try:
            self._parser = MultipartParser(boundary, {
                "on_part_begin": self._begin,
                "on_header_field": self._header,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._whole,
            })  # fmt: skip
        except FormParserError as error:
            raise InvalidField(
                "content-type", f"The form's boundary cannot be used: {error}.", "INVALID_FORM"
            ) from error

    def push(self, piece: bytes) -> list[Field | bytes]:
        """The fields and pieces of the file in the next bytes. InvalidField where it is no form, or too large."""
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise InvalidField("body", f"The form is broken: {error}.", "INVALID_FORM") from error
        found, self._found = self._found, []
        return found

    def finish(self) -> None:
        """The body has ended: InvalidField when the form has not."""
        if not self.is_whole:
            raise InvalidField("body", "The form is cut short: its last boundary is missing.", "INVALID_FORM")

    def _begin(self) -> None:
        self._part = _Part()

    def _header(self, data: bytes, start: int, end: int) -> None:
        self._part.header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._part.header_value += data[start:end]

    def _header_end(self) -> None:
        part = self._part
        if part.header.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(part.header_value))
            part.name = options.get(b"name", b"").decode(errors="replace")
            part.is_file = plain_name(part.name) == FILE
            part.file_name = options.get(b"filename", b"").decode(errors="replace")
            part.is_other_file = b"filename" in options and not part.is_file
        part.header, part.header_value = bytearray(), bytearray()

    def _headers_finished(self) -> None:
        if not self._part.name:
            raise InvalidField("body", "A part of the form has no name.", "INVALID_FORM")
        if self._part.is_other_file:
            self.other_files.append(self._part.name[:100])
        if self._part.is_file:
            if self.has_file:
                raise InvalidField(FILE, "The form holds two files; it may hold one.", "TOO_MANY_FILES")
            self.has_file = True
            self.file_name = self._part.file_name

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._part.is_file:
            self._found.append(data[start:end])
            return
        if self._part.is_other_file:
            return
        self._part.value += data[start:end]
        if len(self._part.value) > MAX_FIELD_BYTES:
            name = self._part.name[:100]
            sentence = f"{name} is larger than the {MAX_FIELD_BYTES} bytes that a field may have."
            hint = "" if self.has_file else f" A file is expected as {FILE!r}, with a file name."
            raise InvalidParameter(name, sentence + hint, "STRING_ABOVE_MAX_LENGTH")

    def _end(self) -> None:
        if self._part.is_file:
            return
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise InvalidField("body", f"The form has more than {MAX_FIELDS} fields.", "INVALID_FORM")
        try:
            self._found.append(Field(self._part.name, self._part.value.decode()))
        except UnicodeDecodeError:
            raise InvalidParameter(self._part.name[:100], f"{self._part.name[:100]} is not written in UTF-8.") from None

    def _whole(self) -> None:
        self.is_whole = True
