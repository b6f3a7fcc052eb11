"""What the commands of generations and of transcriptions share: how they are listed, labelled, written and played."""

import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from .output import print_json
from .player import find_file_player, play_file
from .ranges import whole
from .session import CommandSession, progress
from .whole_file import whole_file

Function = TypeVar("Function", bound=Callable[..., Any])

LARGEST_PAGE = 1000
STDOUT = "-"


def listing_options(function: Function) -> Function:
    """--search, --filter, --order-by and --limit."""
    options = (
        click.option("--search", default="", metavar="WORDS", help="Only texts with all these words."),
        click.option(
            "--filter", "filter_", default="", help="Conditions, as in 'favorite = true AND duration_seconds > 5'."
        ),
        click.option(
            "--order-by", default="", metavar="ORDER", help="create_time or duration, each also with desc; relevance."
        ),
        click.option("--limit", type=whole(1), default=20, show_default=True, help="At most this many."),
    )
    return _with(options, function)


def audio_options(function: Function) -> Function:
    """--output and --play."""
    options = (
        click.option("-o", "--output", metavar="FILE", help="Where to write it; - is stdout."),
        click.option("--play", is_flag=True, help="Play it on the speakers."),
    )
    return _with(options, function)


def _with(options: Sequence[Callable[[Function], Function]], function: Function) -> Function:
    for option in reversed(options):
        function = option(function)
    return function


def labelled(labels: Mapping[str, str], changes: Iterable[str]) -> dict[str, str]:
    """The labels after changes such as `team=games`; `team=` takes the label away. Raises click.BadParameter."""
    changed = dict(labels)
    for change in changes:
        key, equals, value = change.partition("=")
        if not key or not equals:
            raise click.BadParameter(f"{change!r} is not KEY=VALUE.")
        changed[key] = value
        if not value:
            del changed[key]
    return changed


def save(session: CommandSession, pieces: Iterable[bytes], output: str) -> None:
    """Write a file that comes in pieces, and say so."""
    if output == STDOUT:
        sys.stdout.buffer.writelines(pieces)
        return
    size_bytes = 0
    with whole_file(output) as file:
        for piece in pieces:
            size_bytes += file.write(piece)
            progress(f"{size_bytes / 1e6:.1f} MB")
    progress("")
    if session.json:
        print_json({"output": output})
    else:
        click.echo(f"Wrote {output}.")


def save_or_play(session: CommandSession, pieces: Iterable[bytes], output: str | None, *, play: bool) -> None:
    """Write an audio file, or play it. Raises click.UsageError for neither or both, ClickException when the player
    fails.
    """
    if play == bool(output):
        raise click.UsageError("Give -o FILE, or --play.")
    if output:
        save(session, pieces, output)
        return
    find_file_player()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "audio")
        with path.open("wb") as file:
            file.writelines(pieces)
        play_file(path)
