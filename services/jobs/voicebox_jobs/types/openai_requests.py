"""Reads the requests of a batch of OpenAI's API: JSON Lines.

https://platform.openai.com/docs/api-reference/batch/request-input
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voicebox_jobs.peers.openai import SPEECH, TRANSCRIPTIONS, TRANSLATIONS
from voicebox_jobs.store.runs import NewItem

from . import batch_file

ENDPOINTS = (SPEECH, TRANSCRIPTIONS, TRANSLATIONS)
MAX_REQUESTS = 50_000
MAX_PROBLEMS = 100
MAX_ID = 256
MAX_FIELDS = 64
MAX_FIELD = 20_000
MAX_VALUES, MAX_DEPTH = 256, 8
"""Of a line: a hundred megabytes of empty lists would take gigabytes of memory, and what is in one another a thousand
times, databases and other readers of JSON do not take.
"""
_FILE = re.compile(r"(?:file-|inputs/)([0-9a-f-]{36})")
_NAME = re.compile(r"[A-Za-z0-9_]{1,64}(\[\])?")
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""NUL as JSON has it, and not a backslash before the characters u0000."""


@dataclass(frozen=True)
class Requests:
    """The requests of a file, and sentences on what is wrong with it; the first hundred."""

    items: Sequence[NewItem]
    problems: Sequence[str]


def read(content: bytes, endpoint: str) -> Requests:
    """A whole file, for a thread."""
    items: list[NewItem] = []
    problems: list[str] = []
    seen = set[str]()
    for number, line in enumerate(batch_file.lines(content), 1):
        if number > MAX_REQUESTS:
            problems.append(f"There are more than {MAX_REQUESTS} requests.")
        if len(problems) >= MAX_PROBLEMS or number > MAX_REQUESTS:
            break
        wrong = line if isinstance(line, str) else _wrong(line, endpoint, seen)
        if isinstance(line, str) or wrong:
            problems.append(f"Line {number}: {wrong}")
            continue
        seen.add(line["custom_id"])
        items.append(NewItem({"custom_id": line["custom_id"], "body": line["body"]}, f"{number:05d}"))
    if not items and not problems:
        problems.append("There is no request.")
    return Requests(items, problems)


def input_of(body: Mapping[str, Any]) -> str:
    """The id of the input in the body of a transcription; empty where none is named."""
    found = _FILE.fullmatch(body["file"]) if isinstance(body.get("file"), str) else None
    return found[1] if found else ""


def _wrong(line: Mapping[str, Any], endpoint: str, seen: set[str]) -> str:
    """What is wrong with a request, as a sentence; empty for a good one."""
    if not _is_small(line):
        return f"a request has at most {MAX_VALUES} values, at most {MAX_DEPTH} in one another."
    custom_id = line.get("custom_id")
    if not batch_file.is_text(custom_id) or "\0" in str(custom_id) or not 1 <= len(str(custom_id)) <= MAX_ID:
        return f"custom_id must be text of 1 to {MAX_ID} characters."
    if custom_id in seen:
        return f"another line has the custom_id {str(custom_id)[:64]!r}."
    if (line.get("method"), line.get("url")) != ("POST", endpoint):
        return f"method must be POST, and url that of the batch, {endpoint}."
    return _wrong_body(line.get("body"), endpoint)


def _wrong_body(body: object, endpoint: str) -> str:
    if not isinstance(body, dict) or not _is_plain(body):
        return "body must be a JSON object of whole characters and finite numbers, without NUL."
    if body.get("stream") or body.get("stream_format") == "sse":
        return "a batch has no streams: stream must be false, and stream_format audio."
    return "" if endpoint == SPEECH else _wrong_form(body)


def _is_small(line: Mapping[str, Any]) -> bool:
    layer: Sequence[Any] = [line]
    count = depth = 0
    while layer and depth <= MAX_DEPTH and count <= MAX_VALUES:
        inner = (each.values() if isinstance(each, dict) else each for each in layer if isinstance(each, dict | list))
        layer = [value for values in inner for value in values]
        count, depth = count + len(layer), depth + 1
    return not layer


def _is_plain(body: Mapping[str, Any]) -> bool:
    """Whether every database can keep it: Python's JSON also has halves of characters, NaN and infinities."""
    try:
        written = json.dumps(body, allow_nan=False, ensure_ascii=False)
    except ValueError:
        return False
    return batch_file.is_text(written) and not _NUL.search(written)


def _wrong_form(body: Mapping[str, Any]) -> str:
    if not input_of(body):
        return "body.file must be the id of a file, file-...."
    fields = form_fields(body)
    if len(fields) > MAX_FIELDS or not all(map(_NAME.fullmatch, fields)):
        return f"body must have at most {MAX_FIELDS} fields, with names of letters, digits and _."
    if any(len(json.dumps(value)) > MAX_FIELD for value in fields.values()):
        return f"the fields of body must have at most {MAX_FIELD} characters."
    return ""


def form_fields(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of the form that the body of a transcription stands for, without the file; null is not there."""
    return {name: value for name, value in body.items() if name not in ("file", "stream") and value is not None}
