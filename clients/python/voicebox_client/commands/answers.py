"""How the verbs about profiles answer."""

import click
from google.protobuf.message import Message

from voicebox_client.output import as_json, print_fields, print_json
from voicebox_client.session import CommandSession


def print_answer(session: CommandSession, message: Message) -> None:
    """One message, for people or as JSON."""
    if session.json:
        print_json(as_json(message))
    else:
        print_fields(message)


def print_deleted(session: CommandSession, name: str) -> None:
    """Print that it was deleted."""
    if session.json:
        print_json({})
    else:
        click.echo(f"Deleted {name}.")


def print_written(session: CommandSession, path: str, size_bytes: int) -> None:
    """That a file is there."""
    if session.json:
        print_json({"output": path, "sizeBytes": size_bytes})
    else:
        click.echo(f"Wrote {path}: {size_bytes} bytes.")
