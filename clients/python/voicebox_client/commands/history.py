"""`voicebox history`: what was spoken, found again."""

from itertools import islice
from typing import cast, get_args

import click
from voicebox.catalog.v1 import catalog_pb2

from voicebox_client import short_names
from voicebox_client.commands.say import DEFAULT_OUTPUT, deliver, target_of
from voicebox_client.history_requests import Group
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
from voicebox_client.records import LARGEST_PAGE, audio_options, labelled, listing_options, save, save_or_play
from voicebox_client.requests import AS_FAST_AS_IT_CAN, SpeechOptions
from voicebox_client.session import CommandSession, pass_session, working


@click.group("history")
def command() -> None:
    """Find what was spoken before."""


@command.command("list")
@listing_options
@pass_session
def list_(session: CommandSession, search: str, filter_: str, order_by: str, limit: int) -> None:
    """List what was spoken, newest first."""
    with session.client() as client:
        found = list(islice(client.list_generations(search, filter_, min(limit, LARGEST_PAGE), order_by), limit))
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
@short_names.generation
@pass_session
def show(session: CommandSession, generation: str) -> None:
    """Show all that is known of one generation."""
    with session.client() as client:
        _print(session, client.get_generation(generation))


def _print(session: CommandSession, generation: catalog_pb2.Generation) -> None:
    if session.json:
        print_json(as_json(generation))
    else:
        print_fields(generation)


@command.command()
@short_names.generation
@audio_options
@pass_session
def audio(session: CommandSession, generation: str, output: str | None, play: bool) -> None:
    """Write the audio of one generation to a file, or play it."""
    with session.client() as client:
        save_or_play(session, client.generation_audio(generation), output, play=play)


@command.command()
@short_names.generation
@click.option("--off", is_flag=True, help="It is none any more.")
@pass_session
def favorite(session: CommandSession, generation: str, off: bool) -> None:
    """Mark one generation as a favourite: the retention rule never deletes it."""
    with session.client() as client:
        _print(session, client.update_generation(generation, favorite=not off))


@command.command()
@short_names.generation
@click.argument("changes", nargs=-1, required=True, metavar="KEY=[VALUE]...")
@pass_session
def label(session: CommandSession, generation: str, changes: tuple[str, ...]) -> None:
    """Label one generation; a key without a value takes its label away."""
    with session.client() as client:
        stored = client.get_generation(generation)
        _print(session, client.update_generation(generation, stored.etag, labels=labelled(stored.labels, changes)))


@command.command()
@click.argument("generation", required=False, callback=short_names.whole_generation)
@click.option(
    "--filter", "filter_", help="All that meet these conditions, as in 'favorite = false'; '*' is everything."
)
@click.option("--force", is_flag=True, help="With --filter: do not ask.")
@pass_session
def delete(session: CommandSession, generation: str | None, filter_: str | None, force: bool) -> None:
    """Delete one generation and its audio, or all that meet a filter."""
    if (generation is None) == (filter_ is None):
        raise click.UsageError("Give a generation, or --filter.")
    with session.client() as client:
        if generation is not None:
            client.delete_generation(generation)
            count = 1
        else:
            filter_ = filter_ or ""
            if not force:
                found = client.delete_generations(filter_)
                click.confirm(
                    f"Delete {found.count} generations with {found.size_bytes / 1e6:.1f} MB of audio?",
                    abort=True,
                    err=True,
                )
            with working("Deleting"):
                count = client.delete_generations(filter_, force=True).count
    if session.json:
        print_json({"count": count} if filter_ is not None else {})
    else:
        click.echo(f"Deleted {generation or f'{count} generations'}.")


@command.command()
@click.option("--by", type=click.Choice(get_args(Group)), help="How to group.")
@click.option("--filter", "filter_", default="", help="Only those that meet these conditions.")
@click.option("--limit", type=whole(1, LARGEST_PAGE), default=100, show_default=True, help="At most this many groups.")
@pass_session
def stats(session: CommandSession, by: str | None, filter_: str, limit: int) -> None:
    """Count what was spoken."""
    with session.client() as client:
        found = client.generation_statistics(filter_, cast("Group", by or ""), limit)
    if session.json:
        print_json(as_json(found))
    else:
        header = ((by or "").upper(), "COUNT", "SECONDS", "MB", "INCOMPLETE", "SYNTHESIS SECONDS")
        print_table(header, [*map(_statistics, found.groups), ("all", *_statistics(found.total)[1:])])


def _statistics(row: catalog_pb2.StatisticsRow) -> tuple[str, ...]:
    size = f"{row.size_bytes / 1e6:.1f}"
    return (
        row.key or "-",
        str(row.count),
        f"{seconds(row.duration):.1f}",
        size,
        str(row.incomplete_count),
        f"{seconds(row.synthesis_time):.1f}",
    )


@command.command()
@click.argument("output", metavar="FILE|-")
@click.option("--filter", "filter_", default="", help="Only those that meet these conditions.")
@click.option("--without-audio", is_flag=True, help="Only the lines.")
@pass_session
def export(session: CommandSession, output: str, filter_: str, without_audio: bool) -> None:
    """Write the history to a zip file: generations.jsonl, and the audio."""
    with session.client() as client:
        save(session, client.export_generations(filter_, without_audio=without_audio), output)


@command.command()
@short_names.generation
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help=f"WAV, MP3, Ogg, FLAC or PCM by its ending; - is stdout.  [default: {DEFAULT_OUTPUT}]",
)
@click.option("--play", is_flag=True, help="Play it on the speakers.")
@pass_session
def again(session: CommandSession, generation: str, output: str | None, play: bool) -> None:
    """Speak one generation again: the same text, voice, seed and parameters."""
    target = target_of(output, None, play)
    options: SpeechOptions = {"encoding": target.encoding}
    if not play:
        options["ahead_seconds"] = AS_FAST_AS_IT_CAN
    with session.client() as client:
        deliver(session, client.say_again(generation, **options), target)
