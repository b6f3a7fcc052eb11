"""Tables that fit the terminal: wide characters measured, ids shortened while they stay unique, long cells cut."""

import re
import unicodedata
from collections.abc import Iterator, Sequence

GAP = "  "
MIN_COLUMNS = 8
"""A column is not cut below this, nor is one of names."""
MIN_ID_CHARACTERS = 8

_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$")


def lines(header: Sequence[str], rows: Sequence[Sequence[str]], columns: int | None) -> Iterator[str]:
    """A line for the header and for each row, at most `columns` wide where that can be; None leaves all cells whole."""
    table = [list(header), *(list(row) for row in rows)]
    if columns is not None and _width(table) > columns:
        shorten_ids(table)
        _cut(table, columns)
    widths = _widths(table)
    for row in table:
        yield GAP.join(cell + " " * (width - wide(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()


def wide(text: str) -> int:
    """How many columns a terminal needs for a text: 2 for wide characters, 0 for marks and invisible ones."""
    return sum(map(_columns, text))


def fitting(text: str, columns: int) -> str:
    """A text, cut with an ellipsis where it needs more columns than there are."""
    if wide(text) <= columns:
        return text
    kept, used = "", 1
    for character in text:
        used += _columns(character)
        if used > columns:
            break
        kept += character
    return f"{kept.rstrip()}…"


def shorten_ids(table: list[list[str]]) -> None:
    """Cut the UUIDs at the end of the first column to the shortest beginnings that differ."""
    found = {row[0]: match for row in table[1:] if (match := _ID.search(row[0]))}
    if not found:
        return
    ids = {match[0] for match in found.values()}
    length = next(count for count in range(MIN_ID_CHARACTERS, 37) if len({each[:count] for each in ids}) == len(ids))
    for row in table[1:]:
        if match := found.get(row[0]):
            row[0] = row[0][: match.start() + length]


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _widths(table: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(wide, column)) for column in zip(*table, strict=True)]


def _width(table: Sequence[Sequence[str]]) -> int:
    widths = _widths(table)
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _cut(table: list[list[str]], columns: int) -> None:
    """Take from the widest columns, but the first, which has the names that commands are given, until the table
    fits.
    """
    widths = _widths(table)
    room = columns - len(GAP) * (len(widths) - 1)
    while sum(widths) > room:
        widest = max(range(1, len(widths)), key=widths.__getitem__, default=0)
        if not widest or widths[widest] <= MIN_COLUMNS:
            break
        widths[widest] -= 1
    for row in table:
        row[1:] = [fitting(cell, width) for cell, width in zip(row[1:], widths[1:], strict=True)]
