"""Reads the texts of a batch: JSON Lines, or CSV with a header."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voicebox_jobs.store.runs import NewItem

FIELDS = ("text", "voice", "output")
MAX_ITEMS = 10_000
MAX_TEXT = 10_000
MAX_PROBLEMS = 100
MAX_LINE = 200_000
_OUTPUT = re.compile(r"[^/\\\x00-\x1f.][^/\\\x00-\x1f]{0,199}")


@dataclass(frozen=True)
class Batch:
    """The items of a batch, and sentences on what is wrong with it; the first hundred."""

    items: Sequence[NewItem]
    problems: Sequence[str]


def read(content: bytes, container: str) -> Batch:
    """A whole file. `container` is the extension of files that have no name."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return Batch((), (f"The file is not UTF-8: byte {error.start}.",))
    rows = _lines(text) if text.lstrip().startswith("{") else _table(text)
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
        items.append(NewItem({"text": row["text"], "voice": row.get("voice") or ""}, output))
    if not items and not problems:
        problems.append("There is no item.")
    return Batch(items, problems)


def _wrong(row: Mapping[str, Any]) -> str:
    if unknown := set(row) - set(FIELDS):
        return f"there is no field {sorted(map(str, unknown))[0]!r}; there are {', '.join(FIELDS)}."
    if not all(isinstance(value, str) for value in row.values() if value is not None):
        return "all fields must be text."
    if not 1 <= len(row.get("text") or "") <= MAX_TEXT or "\0" in row["text"]:
        return f"text must have 1 to {MAX_TEXT} characters, and no NUL."
    if len(row.get("voice") or "") > 200:
        return "voice must have at most 200 characters."
    if row.get("output") and not _OUTPUT.fullmatch(row["output"]):
        return "output must be the name of a file without a folder: 1 to 200 characters that do not begin with a dot."
    return ""


def _named(output: str, container: str) -> str:
    return output if output.lower().endswith(f".{container}") else f"{output}.{container}"


def _lines(text: str) -> Iterator[Mapping[str, Any] | str]:
    for line in text.splitlines():
        if not line.strip():
            continue
        if len(line) > MAX_LINE:
            yield f"the line has more than {MAX_LINE} characters."
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        yield row if isinstance(row, dict) else "the line is no JSON object."


def _table(text: str) -> Iterator[Mapping[str, Any] | str]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        header = reader.fieldnames or ()
        if "text" not in header:
            yield "the header of a CSV file must have the column text; JSON Lines begin with {."
            return
        for row in reader:
            yield row if None not in row else "the row has more columns than the header."
    except csv.Error as error:
        yield f"the CSV cannot be read: {error}."
