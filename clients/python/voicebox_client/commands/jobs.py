"""`voicebox jobs`: work that takes longer than a call."""

from pathlib import Path
from typing import Any, cast, get_args

import click
from voicebox.jobs.v1 import jobs_pb2

from voicebox_client import job_requests
from voicebox_client.client import Client
from voicebox_client.commands.answers import print_answer, print_deleted, print_written
from voicebox_client.commands.job_progress import events, follow, line
from voicebox_client.output import as_json, local_time, print_json, print_list, print_table
from voicebox_client.ranges import whole
from voicebox_client.session import CommandSession, pass_session, progress
from voicebox_client.whole_file import whole_file

FILES = click.Path(exists=True, dir_okay=False)
WAIT = click.option("--wait", is_flag=True, help="Wait until it has ended, and show how far it is.")


@click.group("jobs")
def command() -> None:
    """List, follow, cancel and retry long work; speak and transcribe many files."""


@command.command("list")
@click.option("--filter", "conditions", default="", metavar="FILTER", help='As in: state = "FAILED".')
@click.option("--limit", type=whole(1), default=50, show_default=True, help="How many, newest first.")
@pass_session
def list_(session: CommandSession, conditions: str, limit: int) -> None:
    """List the jobs, newest first."""
    with session.client() as client:
        found = [job for _, job in zip(range(limit), client.list_jobs(conditions, min(limit, 1000)), strict=False)]
    if session.json:
        print_list("jobs", found)
        return
    print_table(("NAME", "TYPE", "STATE", "PROGRESS", "CREATED", "ERROR"), map(_row, found))


@command.command()
@click.argument("job")
@pass_session
def get(session: CommandSession, job: str) -> None:
    """Show a job."""
    with session.client() as client:
        print_answer(session, client.get_job(job))


@command.command()
@click.argument("job", required=False)
@pass_session
def watch(session: CommandSession, job: str | None) -> None:
    """Follow a job to its end, or what happens to all jobs until Ctrl-C."""
    with session.client() as client:
        if job is not None:
            _print_ended(session, follow(session, client, client.get_job(job)))
            return
        for event in client.watch_jobs():
            if session.json:
                print_json(as_json(event), line=True)
            else:
                click.echo(line(event))


@command.command()
@click.argument("job")
@click.option("--wait", is_flag=True, help="Wait until it has ended.")
@pass_session
def cancel(session: CommandSession, job: str, wait: bool) -> None:
    """Cancel a job."""
    with session.client() as client:
        found = client.cancel_job(job)
        if wait:
            for _ in events(session, client, found.name):
                pass
            found = client.get_job(job)
        print_answer(session, found)


@command.command()
@click.argument("job")
@click.option("--from-step", default="", metavar="STEP", help="The first step that is run again.")
@WAIT
@pass_session
def retry(session: CommandSession, job: str, from_step: str, wait: bool) -> None:
    """Queue a job again that failed, was cancelled or is dead."""
    with session.client() as client:
        _begun(session, client, client.retry_job(job, from_step), wait=wait)


@command.command()
@click.argument("job")
@pass_session
def delete(session: CommandSession, job: str) -> None:
    """Delete a job that has ended, with its results."""
    with session.client() as client:
        client.delete_job(job)
    print_deleted(session, job)


@command.command()
@click.argument("job")
@click.argument("file", required=False)
@click.option("-o", "--output", type=click.Path(), help="Where it is written. Default: under its own name.")
@pass_session
def result(session: CommandSession, job: str, file: str | None, output: str | None) -> None:
    """Fetch a file that a job made; its only one, or results.zip, when none is named."""
    with session.client() as client:
        found = client.get_job(job)
        name = _result_name(found, file)
        path = output or name.rpartition("/")[2]
        with whole_file(path) as target:
            size = sum(target.write(piece) for piece in client.download_result(name))
    print_written(session, path, size)


@command.command()
@click.argument("file", type=FILES)
@click.option("--voice", default="", help="The voice of texts that name none.")
@click.option(
    "--format", "form", type=click.Choice(get_args(job_requests.BatchFormat)), default="wav", help="Of the audio."
)
@WAIT
@pass_session
def synthesize(session: CommandSession, file: str, voice: str, form: str, wait: bool) -> None:
    """Speak all texts of a file: JSON Lines, or CSV with a header; its fields are text, voice and output."""
    with session.client() as client:
        source = upload(client, file)
        job = job_requests.synthesize_batch(source, voice, cast("job_requests.BatchFormat", form))
        _begun(session, client, client.create_job(job), wait=wait)


@command.command()
@click.argument("files", nargs=-1, type=FILES)
@click.option("--profile", default="", help="In place of files: the samples of a profile.")
@click.option("--language", default="", help="BCP 47 language that is spoken.")
@click.option("--model", default="", help="Which model of asr.")
@WAIT
@pass_session
def transcribe(session: CommandSession, /, files: tuple[str, ...], wait: bool, **details: Any) -> None:
    """Transcribe many recordings."""
    with session.client() as client:
        inputs = [upload(client, file) for file in files]
        job = job_requests.transcribe_batch(inputs, **details)
        _begun(session, client, client.create_job(job), wait=wait)


@command.command()
@click.argument("files", nargs=-1, type=FILES)
@click.option("--profile", default="", help="In place of files: the samples of a profile.")
@click.option("--language", default="", help="BCP 47 language that is spoken.")
@click.option("--model", default="", help="Which model of asr.")
@click.option("--denoise", is_flag=True, help="Reduce noise in the clips.")
@WAIT
@pass_session
def dataset(session: CommandSession, /, files: tuple[str, ...], wait: bool, **details: Any) -> None:
    """Make a data set of recordings of one speaker: cut into clips, transcribed, the good ones kept."""
    with session.client() as client:
        inputs = [upload(client, file) for file in files]
        _begun(session, client, client.create_job(job_requests.prepare_dataset(inputs, **details)), wait=wait)


@command.command()
@click.argument("job")
@pass_session
def segments(session: CommandSession, job: str) -> None:
    """List the clips of a data set."""
    with session.client() as client:
        found = [item for item in client.list_job_items(job, 1000) if item.HasField("segment")]
    if session.json:
        print_list("items", found)
        return
    print_table(("INDEX", "KEPT", "SNR", "TRANSCRIPT", "LEFT OUT FOR"), map(_segment_row, found))


@command.command()
@click.argument("job")
@click.argument("index", type=whole(0))
@click.option("--transcript", help="What is really said.")
@click.option("--keep/--drop", "kept", default=None, help="Whether it is part of the data set.")
@pass_session
def segment(session: CommandSession, job: str, index: int, transcript: str | None, kept: bool | None) -> None:
    """Correct a clip of a data set; `voicebox jobs retry JOB --from-step write` then writes the files anew."""
    with session.client() as client:
        print_answer(session, client.update_segment(job, index, transcript, kept))


def _segment_row(item: jobs_pb2.JobItem) -> tuple[str, ...]:
    found = item.segment
    reasons = ", ".join(drop.reason for drop in found.drops)
    return str(item.index), "yes" if found.kept else "no", f"{found.snr_db:.0f} dB", found.transcript, reasons


@command.command()
@click.argument("service", type=click.Choice(("tts", "asr")))
@click.argument("model")
@WAIT
@pass_session
def download(session: CommandSession, service: str, model: str, wait: bool) -> None:
    """Download a model of tts or asr, also while nobody waits for it."""
    with session.client() as client:
        job = jobs_pb2.Job(download_model=jobs_pb2.DownloadModel(service=service, model=model))
        _begun(session, client, client.create_job(job), wait=wait)


def upload(client: Client, file: str) -> str:
    """Upload a file for a job; the input's name."""
    path = Path(file)
    total = path.stat().st_size or 1
    source = client.upload_input(path, path.name, lambda sent: progress(f"{path.name}  {sent / total:4.0%} sent"))
    progress("")
    return source.name


def _begun(session: CommandSession, client: Client, job: jobs_pb2.Job, *, wait: bool) -> None:
    """Print a job that was queued, or with `wait` what became of it."""
    if wait:
        _print_ended(session, follow(session, client, job))
    elif session.json:
        print_json(as_json(job))
    else:
        click.echo(f"{job.name} is {job_requests.state_name(job.state)}: voicebox jobs watch {job.name}")


def _print_ended(session: CommandSession, job: jobs_pb2.Job) -> None:
    if session.json:
        print_json(as_json(job))
        return
    click.echo(f"{job.name} is {job_requests.state_name(job.state)}.")
    for name, value in sorted(job.outputs.items()):
        click.echo(f"{name}: {value}")
    for warning in job.warnings:
        click.echo(f"Warning: {warning}", err=True)
    for made in job.results:
        click.echo(f"voicebox jobs result {job.name} {made.name.rpartition('/')[2]}")


def _result_name(job: jobs_pb2.Job, file: str | None) -> str:
    names = {made.name.rpartition("/")[2]: made.name for made in job.results}
    usual = next(iter(names)) if len(names) == 1 else "results.zip"
    chosen = file or usual
    if chosen not in names:
        raise click.UsageError(f"{job.name} has the results: {', '.join(names) or 'none'}.")
    return names[chosen]


def _row(job: jobs_pb2.Job) -> tuple[str, ...]:
    state = job_requests.state_name(job.state)
    shown = f"{state}, place {job.queue_place}" if job.queue_place else state
    return (job.name, job.type, shown, f"{job.progress:.0%}", local_time(job.create_time), job.error.message)
