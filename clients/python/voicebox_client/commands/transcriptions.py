"""`voicebox transcriptions`: stored transcriptions."""

from itertools import islice

import click
from voicebox.catalog.v1 import catalog_pb2

from voicebox_client import short_names
from voicebox_client.output import (
    as_json,
    local_time,
    print_fields,
    print_json,
    print_list,
    print_table,
    seconds,
    shortened,
)
from voicebox_client.ranges import whole
from voicebox_client.records import LARGEST_PAGE, audio_options, labelled, listing_options, save_or_play
from voicebox_client.session import CommandSession, pass_session


@click.group("transcriptions")
def command() -> None:
    """List, search and edit stored transcriptions."""


@command.command("list")
@listing_options
@pass_session
def list_(session: CommandSession, search: str, filter_: str, order_by: str, limit: int) -> None:
    """List transcriptions, newest first."""
    _list(session, search, filter_, order_by, limit)


@command.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", type=whole(1), default=20, show_default=True, help="At most this many.")
@pass_session
def search(session: CommandSession, words: tuple[str, ...], limit: int) -> None:
    """Find texts with all these words, those first of which they are the most."""
    _list(session, " ".join(words), "", "relevance", limit)


def _list(session: CommandSession, words: str, filter_: str, order_by: str, limit: int) -> None:
    with session.client() as client:
        found = list(islice(client.list_transcriptions(words, filter_, min(limit, LARGEST_PAGE), order_by), limit))
    if session.json:
        print_list("transcriptions", found)
    else:
        print_table(("NAME", "TIME", "SECONDS", "LANGUAGE", "ENGINE", "TEXT"), map(_row, found))


def _row(one: catalog_pb2.Transcription) -> tuple[str, ...]:
    return (
        one.name,
        local_time(one.create_time),
        f"{seconds(one.duration):.1f}",
        one.language,
        one.engine,
        shortened(one.text, 60),
    )


@command.command()
@short_names.transcription
@pass_session
def show(session: CommandSession, transcription: str) -> None:
    """Show all that is known of one transcription."""
    with session.client() as client:
        _print(session, client.get_transcription(transcription))


def _print(session: CommandSession, transcription: catalog_pb2.Transcription) -> None:
    if session.json:
        print_json(as_json(transcription))
    else:
        print_fields(transcription)


@command.command()
@short_names.transcription
@audio_options
@pass_session
def save(session: CommandSession, transcription: str, output: str | None, play: bool) -> None:
    """Write the audio of one transcription to a file, or play it."""
    with session.client() as client:
        save_or_play(session, client.transcription_audio(transcription), output, play=play)


@command.command()
@short_names.transcription
@click.option("--off", is_flag=True, help="It is none any more.")
@pass_session
def favorite(session: CommandSession, transcription: str, off: bool) -> None:
    """Mark one transcription as a favourite: the retention rule never deletes it."""
    with session.client() as client:
        _print(session, client.update_transcription(transcription, favorite=not off))


@command.command()
@short_names.transcription
@click.argument("changes", nargs=-1, required=True, metavar="KEY=[VALUE]...")
@pass_session
def label(session: CommandSession, transcription: str, changes: tuple[str, ...]) -> None:
    """Label one transcription; a key without a value takes its label away."""
    with session.client() as client:
        stored = client.get_transcription(transcription)
        _print(
            session, client.update_transcription(transcription, stored.etag, labels=labelled(stored.labels, changes))
        )


@command.command()
@short_names.transcription
@pass_session
def delete(session: CommandSession, transcription: str) -> None:
    """Delete one transcription and its audio."""
    with session.client() as client:
        client.delete_transcription(transcription)
    if session.json:
        print_json({})
    else:
        click.echo(f"Deleted {transcription}.")
