"""`voicebox adapters`: small additions to models, trained on recordings with their texts."""

from pathlib import Path

import click

from voicebox_client import job_requests
from voicebox_client.commands.answers import print_answer, print_deleted, print_written
from voicebox_client.commands.job_progress import DEVICE_MEMORY, follow
from voicebox_client.commands.jobs import upload
from voicebox_client.commands.profile_files import FILE
from voicebox_client.commands.train import pair
from voicebox_client.connection import ModelHost
from voicebox_client.output import as_json, print_json, print_table
from voicebox_client.ranges import whole
from voicebox_client.session import CommandSession, pass_session, working
from voicebox_client.whole_file import whole_file

SUFFIX = ".voicebox-adapter"
HOSTS: tuple[ModelHost, ...] = ("tts", "asr")
HOST = click.argument("host", type=click.Choice(HOSTS), metavar="tts|asr")


@click.group("adapters")
def command() -> None:
    """Train, list, import, export and delete adapters of models."""


@command.command("list")
@pass_session
def list_(session: CommandSession) -> None:
    """List the adapters of tts and asr."""
    with session.client() as client:
        found = {host: client.list_adapters(host) for host in HOSTS}
    if session.json:
        print_json({host: [as_json(each) for each in adapters] for host, adapters in found.items()})
        return
    rows = [
        (host, each.name, each.base_model, each.speaker, str(each.rank), each.licence)
        for host, adapters in found.items()
        for each in adapters
    ]
    print_table(("SERVICE", "NAME", "BASE", "VOICE", "RANK", "LICENCE"), rows)


@command.command()
@click.argument("dataset")
@click.option("--base", required=True, help="The model that is adapted: models/ENGINE/MODEL.")
@click.option("--name", required=True, help="What people call the adapter, or its voice.")
@click.option("--consent", required=True, help="How the speakers agreed: the words go with the adapter.")
@click.option(
    "--option", "options", multiple=True, metavar="NAME=VALUE", help="An option of training, as in steps=500."
)
@DEVICE_MEMORY
@click.option(
    "--resume",
    type=(str, whole(1)),
    default=("", 0),
    metavar="JOB STEP",
    help="Go on from the checkpoint of this step of jobs/JOB. With --option steps=STEP it is only published.",
)
@click.option("--no-wait", is_flag=True, help="Only queue the job.")
@pass_session
def train(
    session: CommandSession,
    dataset: str,
    base: str,
    name: str,
    consent: str,
    options: tuple[str, ...],
    device_memory: int,
    resume: tuple[str, int],
    no_wait: bool,
) -> None:
    """Train an adapter on DATASET: a zip file, or jobs/JOB, a job that prepared one."""
    given = dict(pair(option) for option in options)
    with session.client() as client:
        source = dataset if dataset.startswith("jobs/") else upload(client, dataset)
        asked = job_requests.train_adapter(name, consent, source, base, given, *resume)
        asked.device_memory_bytes = device_memory
        job = client.create_job(asked)
        if not no_wait:
            job = follow(session, client, job)
    if session.json:
        print_json(as_json(job))
    elif no_wait:
        click.echo(f"{job.name} is queued: voicebox jobs watch {job.name}")
    else:
        click.echo(f"{job.outputs['model']} is there." if "model" in job.outputs else f"{job.name} has made its files.")
        for warning in job.warnings:
            click.echo(f"Warning: {warning}", err=True)


@command.command("import")
@HOST
@click.argument("file", type=FILE)
@click.option("--id", "adapter_id", default="", help="The last part of its name; made of its base's when left out.")
@pass_session
def import_(session: CommandSession, host: ModelHost, file: Path, adapter_id: str) -> None:
    """Store a .voicebox-adapter file as a model."""
    with session.client() as client, working(f"Importing {file}"):
        stored = client.import_adapter(host, file, adapter_id)
    print_answer(session, stored)


@command.command()
@HOST
@click.argument("adapter")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help=f"The file; NAME{SUFFIX} by default."
)
@pass_session
def export(session: CommandSession, host: ModelHost, adapter: str, output: Path | None) -> None:
    """Write an adapter to a file, with its consent."""
    path = output or Path(f"{adapter.rpartition('/')[2]}{SUFFIX}")
    size_bytes = 0
    with session.client() as client, whole_file(path) as out:
        for piece in client.export_adapter(host, adapter):
            size_bytes += out.write(piece)
    print_written(session, str(path), size_bytes)


@command.command()
@HOST
@click.argument("adapter")
@pass_session
def delete(session: CommandSession, host: ModelHost, adapter: str) -> None:
    """Delete an adapter and its model for good."""
    with session.client() as client:
        client.delete_adapter(host, adapter)
    print_deleted(session, adapter)
