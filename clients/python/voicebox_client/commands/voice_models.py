"""`voicebox voice-models`: the voices that speech is converted into."""

from pathlib import Path

import click

from voicebox_client.commands.answers import print_answer, print_deleted, print_written
from voicebox_client.commands.profile_files import FILE
from voicebox_client.conversion_requests import CheckpointWords
from voicebox_client.output import print_list, print_table
from voicebox_client.session import CommandSession, pass_session, working
from voicebox_client.whole_file import whole_file

SUFFIX = ".voicebox-voice"
CHECKPOINT_SUFFIX = ".pth"


@click.group("voice-models")
def command() -> None:
    """List, show, import, export and delete the voices that speech is converted into."""


@command.command("list")
@pass_session
def list_(session: CommandSession) -> None:
    """List the voice models, newest first."""
    with session.client() as client:
        found = list(client.list_voice_models())
    if session.json:
        print_list("voiceModels", found)
        return
    rows = ((each.name, each.display_name, each.engine, str(each.usage.conversions)) for each in found)
    print_table(("NAME", "DISPLAY NAME", "ENGINE", "USES"), rows)


@command.command()
@click.argument("voice_model")
@pass_session
def show(session: CommandSession, voice_model: str) -> None:
    """Show a voice model: its engine, figures, consent and use."""
    with session.client() as client:
        print_answer(session, client.get_voice_model(voice_model))


@command.command()
@click.argument("voice_model")
@pass_session
def delete(session: CommandSession, voice_model: str) -> None:
    """Delete a voice model for good."""
    with session.client() as client:
        client.delete_voice_model(voice_model)
    print_deleted(session, voice_model)


@command.command("import")
@click.argument("file", type=FILE)
@click.option("--id", "voice_model_id", default="", help="The last part of its name; made from the one in the file.")
@click.option("--consent", default="", help="Of a .pth: who agreed to what. It must be said.")
@click.option("--name", "display_name", default="", help="Of a .pth: what the voice is called; the file's own name.")
@click.option("--licence", default="", help="Of a .pth: who may use it.")
@click.option("--index", type=FILE, help="Of a .pth: the index that was trained with it.")
@pass_session
def import_(
    session: CommandSession,
    file: Path,
    voice_model_id: str,
    consent: str,
    display_name: str,
    licence: str,
    index: Path | None,
) -> None:
    """Store a .voicebox-voice file, or a .pth of RVC v2, as a voice model."""
    is_checkpoint = file.suffix.lower() == CHECKPOINT_SUFFIX
    if not is_checkpoint and (consent or display_name or licence or index):
        raise click.UsageError(f"--consent, --name, --licence and --index are for {CHECKPOINT_SUFFIX} files alone.")
    if is_checkpoint and not consent.strip():
        raise click.UsageError(f'A {CHECKPOINT_SUFFIX} needs --consent "...": who agreed that this voice is used.')
    with session.client() as client, working(f"Importing {file}"):
        if is_checkpoint:
            words = CheckpointWords(display_name=display_name or file.stem, consent=consent, licence=licence)
            stored = client.import_checkpoint(file, index, voice_model_id, **words)
        else:
            stored = client.import_voice_model(file, voice_model_id)
    print_answer(session, stored)


@command.command()
@click.argument("voice_model")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"The file; VOICE_MODEL{SUFFIX} when left out.",
)
@pass_session
def export(session: CommandSession, voice_model: str, output: Path | None) -> None:
    """Write a voice model to a file, with its consent."""
    path = output or Path(f"{voice_model.removeprefix('voiceModels/')}{SUFFIX}")
    size_bytes = 0
    with session.client() as client, whole_file(path) as out:
        for piece in client.export_voice_model(voice_model):
            size_bytes += out.write(piece)
    print_written(session, str(path), size_bytes)
