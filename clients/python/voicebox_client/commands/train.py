"""`voicebox train`: a voice model of recordings."""

import click

from voicebox_client import job_requests
from voicebox_client.commands.job_progress import DEVICE_MEMORY, follow
from voicebox_client.commands.jobs import FILES, upload
from voicebox_client.output import as_json, print_json
from voicebox_client.session import CommandSession, pass_session


@click.command("train")
@click.argument("files", nargs=-1, type=FILES)
@click.option("--name", required=True, help="What people call the voice.")
@click.option("--consent", required=True, help="How the speaker agreed: the words go with the model.")
@click.option("--profile", default="", help="In place of files: the samples of a profile.")
@click.option("--engine", default="", help="Which engine is trained. Default: world.")
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="An option of the engine.")
@DEVICE_MEMORY
@click.option("--no-wait", is_flag=True, help="Only queue the job.")
@pass_session
def command(
    session: CommandSession,
    files: tuple[str, ...],
    name: str,
    consent: str,
    profile: str,
    engine: str,
    options: tuple[str, ...],
    device_memory: int,
    no_wait: bool,
) -> None:
    """Make a voice model of recordings."""
    given = dict(pair(option) for option in options)
    with session.client() as client:
        inputs = [upload(client, file) for file in files]
        asked = job_requests.train_voice(name, consent, inputs, profile, engine, given)
        asked.device_memory_bytes = device_memory
        job = client.create_job(asked)
        if not no_wait:
            job = follow(session, client, job)
    if session.json:
        print_json(as_json(job))
    elif no_wait:
        click.echo(f"{job.name} is queued: voicebox jobs watch {job.name}")
    else:
        click.echo(f"{job.outputs['voice_model']} is there.")
        for warning in job.warnings:
            click.echo(f"Warning: {warning}", err=True)


def pair(option: str) -> tuple[str, str]:
    """The two parts of NAME=VALUE. Raises click.UsageError."""
    name, equals, value = option.partition("=")
    if not equals:
        raise click.UsageError(f"{option!r} is not NAME=VALUE.")
    return name, value
