"""`voicebox history`: what was spoken, found again."""

import sys
from itertools import islice

import click
from voicebox.catalog.v1 import catalog_pb2

from voicebox_client.output import as_json, local_time, print_fields, print_json, print_list, print_table, seconds, shortened
from voicebox_client.session import Session, pass_session
from voicebox_client.whole_file import whole_file

LARGEST_PAGE = 1000
STDOUT = "-"


@click.group("history")
def command() -> None:
    """Find what was spoken before."""


@command.command("list")
@click.option("--search", default="", metavar="WORDS", help="Only texts with all these words.")
@click.option("--filter", "filter_", default="", help="Conditions, as in 'profile = \"profiles/ann\" AND duration_seconds > 5'.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
@pass_session
def list_(session: Session, search: str, filter_: str, limit: int) -> None:
    """List what was spoken, newest first."""
    with session.client() as client:
        found = list(islice(client.list_generations(search, filter_, min(limit, LARGEST_PAGE)), limit))
    if session.json:
        print_list("generations", found)
    else:
        print_table(("NAME", "SPOKEN", "SECONDS", "STATUS", "VOICE", "TEXT"), map(_row, found))


def _row(generation: catalog_pb2.Generation) -> tuple[str, ...]:
    duration = f"{seconds(generation.duration):.1f}"
    who = generation.profile or generation.voice
    status = catalog_pb2.GenerationStatus.Name(generation.status).removeprefix("GENERATION_STATUS_").lower()
    return generation.name, local_time(generation.create_time), duration, status, who, shortened(generation.text, 60)


@command.command()
@click.argument("generation")
@pass_session
def show(session: Session, generation: str) -> None:
    """Show all that is known of one generation."""
    with session.client() as client:
        found = client.get_generation(generation)
    if session.json:
        print_json(as_json(found))
    else:
        print_fields(found)


@command.command()
@click.argument("generation")
@click.option("-o", "--output", required=True, metavar="FILE", help="Where to write it; - is stdout.")
@pass_session
def audio(session: Session, generation: str, output: str) -> None:
    """Write the audio of one generation to a file."""
    with session.client() as client:
        pieces = client.generation_audio(generation)
        if output == STDOUT:
            sys.stdout.buffer.writelines(pieces)
            return
        with whole_file(output) as file:
            file.writelines(pieces)
    if session.json:
        print_json({"output": output})
    else:
        click.echo(f"Wrote {output}.")


@command.command()
@click.argument("generation")
@pass_session
def delete(session: Session, generation: str) -> None:
    """Delete one generation and its audio."""
    with session.client() as client:
        client.delete_generation(generation)
    if session.json:
        print_json({})
    else:
        click.echo(f"Deleted {generation}.")
