"""Reads the texts of a batch: JSON Lines, or CSV with a header."""

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voicebox_jobs.store.runs import NewItem

NUMBERS, WORDS = ("speed", "pitch_semitones"), ("language", "instructions")
"""Of the style of an item."""
FIELDS = ("text", "voice", "output", *NUMBERS, *WORDS)
MAX_ITEMS = 10_000
MAX_TEXT = 10_000
MAX_WORDS = 1000
MAX_VOICE = 200
MAX_PROBLEMS = 100
MAX_LINE = 200_000
MAX_MARKS = 30_000
"""Commas, colons and brackets of a line of JSON: a text of MAX_TEXT has room for them. What has many more is read in
one go while nothing else of the worker runs, such as the renewal of its lease.
"""
MAX_EMPTY_LINES = 1_000_000
MAX_SHOWN = 64
"""Characters of a field's name, in a sentence on it."""
_IS_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*+\{")
_OUTPUT = re.compile(r"[^/\\\x00-\x1f.][^/\\\x00-\x1f]{0,199}")


@dataclass(frozen=True)
class Batch:
    """The items of a batch, and sentences on what is wrong with it; the first hundred."""

    items: Sequence[NewItem]
    problems: Sequence[str]


def read(content: bytes, container: str) -> Batch:
    """A whole file, for a thread: it may have 64 MiB. `container` is the extension of files that have no name."""
    rows = lines(content) if _IS_JSON.match(content) else _table(content)
    return checked(rows, container)


def checked(rows: Iterable[Mapping[str, Any] | str], container: str) -> Batch:
    """Rows as fields; one that is a sentence says what is wrong with it."""
    items: list[NewItem] = []
    problems: list[str] = []
    outputs = set[str]()
    for number, row in enumerate(rows):
        if number == MAX_ITEMS:
            problems.append(f"There are more than {MAX_ITEMS} items.")
        if len(problems) >= MAX_PROBLEMS or number == MAX_ITEMS:
            break
        wrong = row if isinstance(row, str) else _wrong(row)
        if isinstance(row, str) or wrong:
            problems.append(f"Item {number + 1}: {wrong}")
            continue
        output = _named(str(row.get("output") or f"{number + 1:05d}"), container)
        if output in outputs:
            problems.append(f"Item {number + 1}: another item has the output {output!r}.")
        outputs.add(output)
        items.append(NewItem({"text": row["text"], "voice": row.get("voice") or "", **_style(row)}, output))
    if not items and not problems:
        problems.append("There is no item.")
    return Batch(items, problems)


def _wrong(row: Mapping[str, Any]) -> str:
    """What is wrong with a row, as a sentence; empty for a good one."""
    if unknown := set(row) - set(FIELDS):
        return f"there is no field {min(map(str, unknown))[:MAX_SHOWN]!r}; there are {', '.join(FIELDS)}."
    if not all(is_text(value) for name, value in row.items() if value is not None and name not in NUMBERS):
        return "all fields but speed and pitch_semitones must be text."
    return next((sentence for is_wrong, sentence in _CHECKS if is_wrong(row)), "")


_CHECKS: Sequence[tuple[Callable[[Mapping[str, Any]], bool], str]] = (
    (
        lambda row: not all(_is_number(row[name]) for name in NUMBERS if row.get(name)),
        "speed and pitch_semitones must be numbers.",
    ),
    (
        lambda row: not 1 <= len(row.get("text") or "") <= MAX_TEXT or "\0" in row["text"],
        f"text must have 1 to {MAX_TEXT} characters, and no NUL.",
    ),
    (lambda row: len(row.get("voice") or "") > MAX_VOICE, f"voice must have at most {MAX_VOICE} characters."),
    (
        lambda row: any(len(row.get(name) or "") > MAX_WORDS for name in WORDS),
        f"language and instructions must have at most {MAX_WORDS} characters.",
    ),
    (
        lambda row: bool(row.get("output")) and not _OUTPUT.fullmatch(row["output"]),
        "output must be the name of a file without a folder: 1 to 200 characters that do not begin with a dot.",
    ),
)
"""Whether a row of text is wrong, and the sentence on it."""


def _named(output: str, container: str) -> str:
    return output if output.lower().endswith(f".{container}") else f"{output}.{container}"


def _style(row: Mapping[str, Any]) -> dict[str, Any]:
    """What is set of it."""
    numbers = {name: float(row[name]) for name in NUMBERS if row.get(name)}
    return numbers | {name: row[name] for name in WORDS if row.get(name)}


def _is_number(value: object) -> bool:
    """A finite one, also as text, as CSV has it."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    try:
        return math.isfinite(float(value))
    except (ValueError, OverflowError):
        return False


def is_text(value: object) -> bool:
    """JSON may have half of a character, which cannot be written."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def lines(content: bytes) -> Iterator[Mapping[str, Any] | str]:
    """The objects of JSON Lines; one that is a sentence says what is wrong with it."""
    try:
        for line in _text(content):
            if line.strip():
                yield _object(line)
    except _Unreadable as error:
        yield str(error)


def _object(line: str) -> Mapping[str, Any] | str:
    if len(line) > MAX_LINE:
        return f"the line has more than {MAX_LINE} characters."
    if sum(map(line.count, ",:[{")) > MAX_MARKS:
        return f"the line has more than {MAX_MARKS} commas, colons and brackets."
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    return row if isinstance(row, dict) else "the line is no JSON object."


def _table(content: bytes) -> Iterator[Mapping[str, Any] | str]:
    reader = csv.DictReader(_text(content))
    try:
        header = reader.fieldnames or ()
        if "text" not in header:
            yield "the header of a CSV file must have the column text; JSON Lines begin with {."
            return
        for row in reader:
            yield row if None not in row else "the row has more columns than the header."
    except csv.Error as error:
        yield f"the CSV cannot be read: {error}."
    except _Unreadable as error:
        yield str(error)


def _text(content: bytes) -> Iterator[str]:
    """The lines of a file, one at a time, since it may have a hundred million; _Unreadable."""
    empty = 0
    try:
        for line in io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline=""):
            empty += line.isspace()
            if empty > MAX_EMPTY_LINES:
                raise _Unreadable(f"the file has more than {MAX_EMPTY_LINES} empty lines.")
            yield line
    except UnicodeDecodeError as error:
        raise _Unreadable("the file is not UTF-8.") from error


class _Unreadable(Exception):
    """Says in a sentence why the rest of a file cannot be read."""
