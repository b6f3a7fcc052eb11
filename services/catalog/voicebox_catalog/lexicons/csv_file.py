"""Lexicons as CSV (RFC 4180): the columns `written`, `alias` and `phoneme`, in UTF-8."""

import csv
import io
from collections.abc import Iterator, Sequence

from .document import Document, refused
from .entries import MAX_ENTRIES, Entry

COLUMNS = ("written", "alias", "phoneme")
CONTENT_TYPE = "text/csv; charset=utf-8"


def read_csv(data: bytes) -> Document:
    """What a file says; InvalidField("file"), which names the line, where it is no such CSV.

    A first line with the names of columns gives their order.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise refused(f"line {line}", "it is not UTF-8") from error
    return Document(tuple(_entries(text)))


def write_csv(entries: Sequence[Entry]) -> bytes:
    """The file of some entries."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows((entry.written, entry.alias, entry.phoneme) for entry in entries)
    return out.getvalue().encode()


def _entries(text: str) -> Iterator[Entry]:
    columns: Sequence[str] | None = None
    count = 0
    for line, cells in _rows(text):
        if not any(cell.strip() for cell in cells):
            continue
        if columns is None:
            named = [cell.strip().lower() for cell in cells]
            if columns := _header(named, line):
                continue
            columns = COLUMNS
        if len(cells) > len(columns):
            raise refused(f"line {line}", f"it has {len(cells)} columns; there are {', '.join(columns)}")
        count += 1
        if count > MAX_ENTRIES:
            raise refused(f"line {line}", f"a lexicon may have {MAX_ENTRIES} entries", "LEXICON_TOO_LARGE")
        yield Entry(**dict(zip(columns, cells, strict=False)) | {"place": f"line {line}"})


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The cells of each row, with the number of the line that it begins in."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise refused(f"line {line}", f"it is not well-formed CSV: {error}") from error
        if cells is None:
            return
        yield line, cells


def _header(named: Sequence[str], line: int) -> Sequence[str] | None:
    """The order of the columns; None where the first line is an entry."""
    if "written" not in named or not set(named) <= set(COLUMNS):
        return None
    if len(set(named)) < len(named):
        raise refused(f"line {line}", "it names a column twice")
    return named
