"""Pictures and archives of profiles."""

from pathlib import Path

import click

from voicebox_client.commands.answers import print_answer, print_written
from voicebox_client.session import CommandSession, pass_session, progress, working
from voicebox_client.whole_file import whole_file

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("profile")
@click.argument("file", type=FILE, required=False)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the picture there, a WebP file."
)
@click.option("--remove", is_flag=True, help="Remove the picture.")
@pass_session
def avatar(session: CommandSession, profile: str, file: Path | None, output: Path | None, remove: bool) -> None:
    """Set a profile's picture (PNG, JPEG or WebP), fetch it, or remove it."""
    if sum(map(bool, (file, output, remove))) != 1:
        raise click.UsageError("Give a FILE to set, or -o FILE to fetch, or --remove.")
    with session.client() as client:
        if output is not None:
            size_bytes = 0
            with whole_file(output) as out:
                for piece in client.avatar(profile):
                    size_bytes += out.write(piece)
            print_written(session, str(output), size_bytes)
        else:
            print_answer(session, client.set_avatar(profile, file) if file else client.delete_avatar(profile))


@click.command()
@click.argument("profile")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The zip file; PROFILE.zip when left out."
)
@pass_session
def export(session: CommandSession, profile: str, output: Path | None) -> None:
    """Take a profile out as one zip file: recordings, transcripts, picture."""
    path = output or Path(f"{profile.removeprefix('profiles/')}.zip")
    size_bytes = 0
    with session.client() as client, whole_file(path) as out:
        for piece in client.export_profile(profile):
            size_bytes += out.write(piece)
            progress(f"{size_bytes / 1e6:.1f} MB")
    progress("")
    print_written(session, str(path), size_bytes)


@click.command("import")
@click.argument("file", type=FILE)
@click.option(
    "--id", "profile_id", default="", help="The last part of the new resource name; the one in the file when left out."
)
@pass_session
def import_(session: CommandSession, file: Path, profile_id: str) -> None:
    """Bring a profile in from an exported zip file: all of it or nothing."""
    with session.client() as client:
        with working(f"Importing {file}"):
            profile = client.import_profile(file, profile_id)
        print_answer(session, profile)


COMMANDS = (avatar, export, import_)
