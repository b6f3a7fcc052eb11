"""How answers are printed: for people, or as JSON."""

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Any

import click
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from .table import fitting, lines


def as_json(message: Message) -> dict[str, Any]:
    """A message by its proto JSON names."""
    return dict(MessageToDict(message))


def print_json(document: object, *, line: bool = False, err: bool = False) -> None:
    """One document, indented, or on one line where a stream of them is printed."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=None if line else 2), err=err)


def print_list(name: str, messages: Iterable[Message]) -> None:
    """A list as the one document that the HTTP answer would be: `{name: [...]}`."""
    print_json({name: [as_json(message) for message in messages]})


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns aligned, two spaces between them, nothing after the last; a line that says so when there are no rows.

    On a terminal it fits, unless `--wide` was given; elsewhere everything is whole.
    """
    table = list(rows)
    if not table:
        click.echo("None.")
        return
    for line in lines(header, table, _columns()):
        click.echo(line)


def _columns() -> int | None:
    """The terminal's width; None where nothing is to be cut."""
    context = click.get_current_context(silent=True)
    is_wide = context is not None and getattr(context.find_root().obj, "wide", False)
    return None if is_wide or not sys.stdout.isatty() else shutil.get_terminal_size().columns


def print_fields(message: Message) -> None:
    """One message, a field per line, by the contract's names; fields that are unset are left out."""
    fields = MessageToDict(message, preserving_proto_field_name=True)
    width = max((len(name) for name in fields), default=0)
    for name, value in fields.items():
        click.echo(f"{name.ljust(width)}  {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")


def seconds(duration: Duration) -> float:
    """A duration in seconds."""
    return duration.ToTimedelta().total_seconds()


def local_time(timestamp: Timestamp) -> str:
    """A moment on this machine's clock, to the second."""
    return timestamp.ToDatetime(tzinfo=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def shortened(text: str, characters: int) -> str:
    """The beginning of a text, on one line of so many narrow characters."""
    return fitting(" ".join(text.split()), characters)
