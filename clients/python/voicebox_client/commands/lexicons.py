"""`voicebox lexicons`: how words are said."""

from pathlib import Path
from typing import Any, cast, get_args

import click

from voicebox_client.commands.answers import print_answer, print_deleted, print_written
from voicebox_client.commands.profile_files import FILE
from voicebox_client.lexicon_requests import Entry, LexiconDetails, LexiconFileDetails, LexiconFormat
from voicebox_client.output import as_json, print_json, print_list, print_table
from voicebox_client.session import CommandSession, pass_session, working
from voicebox_client.whole_file import whole_file

FORMAT_OF_SUFFIX: dict[str, LexiconFormat] = {".pls": "pls", ".xml": "pls", ".csv": "csv"}


@click.group("lexicons")
def command() -> None:
    """Store how words are said: what is read in their place, or phonemes."""


def _details(function: Any) -> Any:
    """The options for a lexicon's fields."""
    options = (
        click.option("--id", "lexicon_id", default="", help="The last part of its name; drawn when left out."),
        click.option("--name", "display_name", metavar="NAME", help="Its name for people."),
        click.option("--language", help="BCP 47 language of the texts that it is for."),
        click.option(
            "--case-sensitive/--any-case", "case_sensitive", default=None, help="Whether capital letters matter."
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@command.command("list")
@pass_session
def list_(session: CommandSession) -> None:
    """List the lexicons, newest first."""
    with session.client() as client:
        lexicons = list(client.list_lexicons())
    if session.json:
        print_list("lexicons", lexicons)
        return
    rows = ((each.name, each.display_name, each.language, str(each.entry_count)) for each in lexicons)
    print_table(("NAME", "DISPLAY NAME", "LANGUAGE", "ENTRIES"), rows)


@command.command()
@click.argument("lexicon")
@pass_session
def show(session: CommandSession, lexicon: str) -> None:
    """Show a lexicon and its entries."""
    with session.client() as client:
        found = client.get_lexicon(lexicon)
    if session.json:
        print_json(as_json(found))
        return
    case = "capital letters matter" if found.case_sensitive else "in any case"
    click.echo(f"{found.name}: {found.display_name}, {found.language}, {case}.")
    rows = ((entry.written, entry.alias, entry.phoneme) for entry in found.entries)
    print_table(("WRITTEN", "ALIAS", "PHONEMES"), rows)


@command.command()
@click.argument("entries", nargs=-1, required=True, metavar="WRITTEN=ALIAS|WRITTEN=/PHONEMES/...")
@_details
@pass_session
def create(session: CommandSession, /, entries: tuple[str, ...], lexicon_id: str, **details: Any) -> None:
    """Create a lexicon, as in: voicebox lexicons create --id names GIF=jiff Nguyen=/wɪn/"""
    given = cast("LexiconDetails", _given(details))
    with session.client() as client:
        print_answer(session, client.create_lexicon(map(_entry, entries), lexicon_id, **given))


@command.command()
@click.argument("lexicon")
@pass_session
def delete(session: CommandSession, lexicon: str) -> None:
    """Delete a lexicon for good."""
    with session.client() as client:
        client.delete_lexicon(lexicon)
    print_deleted(session, lexicon)


@command.command("import")
@click.argument("file", type=FILE)
@_details
@click.option(
    "--format", "format", type=click.Choice(get_args(LexiconFormat)), help="PLS or CSV, whatever it looks like."
)
@pass_session
def import_(session: CommandSession, /, file: Path, lexicon_id: str, **details: Any) -> None:
    """Make a lexicon of a file: PLS (XML) or CSV with the columns written, alias and phoneme."""
    given = cast("LexiconFileDetails", _given(details))
    with session.client() as client, working(f"Importing {file}"):
        answer = client.import_lexicon(file, lexicon_id, **given)
    for warning in answer.warnings:
        click.echo(f"Warning: {warning}", err=True)
    print_answer(session, answer if session.json else answer.lexicon)


@command.command()
@click.argument("lexicon")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file, PLS or CSV by its ending; LEXICON.pls when left out.",
)
@pass_session
def export(session: CommandSession, lexicon: str, output: Path | None) -> None:
    """Write a lexicon to a file."""
    path = output or Path(f"{lexicon.removeprefix('lexicons/')}.pls")
    if path.suffix.lower() not in FORMAT_OF_SUFFIX:
        raise click.UsageError(f"{path}: end it with .pls or .csv.")
    size_bytes = 0
    with session.client() as client, whole_file(path) as out:
        for piece in client.export_lexicon(lexicon, FORMAT_OF_SUFFIX[path.suffix.lower()]):
            size_bytes += out.write(piece)
    print_written(session, str(path), size_bytes)


def _entry(text: str) -> Entry:
    written, equals, said = text.partition("=")
    if not equals:
        raise click.UsageError(f"{text!r} must be WRITTEN=ALIAS or WRITTEN=/PHONEMES/.")
    if len(said) > 2 and said.startswith("/") and said.endswith("/"):
        return written, "", said[1:-1]
    return written, said


def _given(details: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in details.items() if value is not None}
