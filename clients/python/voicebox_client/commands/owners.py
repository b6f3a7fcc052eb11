"""`voicebox owners`: all that is stored about one owner."""

from pathlib import Path

import click
from voicebox.accounts.v1 import accounts_pb2

from voicebox_client.commands.answers import print_written
from voicebox_client.output import as_json, print_json, print_table
from voicebox_client.session import CommandSession, pass_session, progress, working
from voicebox_client.whole_file import whole_file


@click.group("owners")
def command() -> None:
    """Move, take out or delete all data of an owner."""


@command.command()
@click.argument("owner")
@click.argument("new_owner")
@pass_session
def move(session: CommandSession, owner: str, new_owner: str) -> None:
    """Give everything of OWNER, such as local, to NEW_OWNER."""
    with session.client() as client, working(f"Moving {owner}"):
        report = client.move_owner(owner, new_owner)
    _print(session, report, "MOVED")


@command.command()
@click.argument("owner")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The zip file; OWNER.zip when left out."
)
@pass_session
def export(session: CommandSession, owner: str, output: Path | None) -> None:
    """Take everything of OWNER out, as one zip file."""
    path = output or Path(f"{owner.removeprefix('owners/')}.zip")
    size_bytes = 0
    with session.client() as client, whole_file(path) as out:
        for piece in client.export_owner(owner):
            size_bytes += out.write(piece)
            progress(f"{size_bytes / 1e6:.1f} MB")
    progress("")
    print_written(session, str(path), size_bytes)


@command.command()
@click.argument("owner")
@click.option("--force", is_flag=True, help="Delete; otherwise only say what would be.")
@pass_session
def delete(session: CommandSession, owner: str, force: bool) -> None:
    """Delete everything of OWNER."""
    with session.client() as client, working(f"Deleting {owner}" if force else f"Counting {owner}"):
        report = client.delete_owner(owner, force=force)
    _print(session, report, "DELETED")


def _print(session: CommandSession, report: accounts_pb2.DataReport, done: str) -> None:
    if session.json:
        print_json(as_json(report))
        return
    rows = [(count.kind, str(count.found), str(count.done), count.remark) for count in report.counts]
    print_table(("KIND", "FOUND", done, "REMARK"), rows)
