"""The recordings that voices are made from."""

import tempfile
from pathlib import Path

import click
from voicebox.catalog.v1 import catalog_pb2

from voicebox_client.client import Client
from voicebox_client.commands.answers import print_answer, print_deleted, print_written
from voicebox_client.output import local_time, print_list, print_table, seconds, shortened
from voicebox_client.player import play_file
from voicebox_client.profile_requests import SampleChanges
from voicebox_client.ranges import real
from voicebox_client.session import CommandSession, pass_session, working
from voicebox_client.whole_file import whole_file
from voicebox_client.word_errors import word_error_rate

RECORDING = click.Path(exists=True, dir_okay=False, path_type=Path)
SECONDS = real(0)


@click.command("add-sample")
@click.argument("profile")
@click.argument("file", type=RECORDING)
@click.option("--transcript", default="", metavar="TEXT", help="What is said in it.")
@click.option("--transcribe", is_flag=True, help="Have the recogniser write the transcript.")
@click.option("--verify", is_flag=True, help="Check the transcript by recognition, and store its word error rate.")
@pass_session
def add_sample(
    session: CommandSession, profile: str, file: Path, transcript: str, transcribe: bool, verify: bool
) -> None:
    """Add a recording to a profile."""
    if transcribe and (transcript or verify):
        raise click.UsageError("--transcribe writes the transcript itself: leave out --transcript and --verify.")
    if verify and not transcript:
        raise click.UsageError("--verify needs a --transcript to check.")
    with session.client() as client:
        recognised = _recognised(client, profile, file) if transcribe or verify else ""
        with working(f"Adding {file}"):
            sample = client.add_sample(profile, file, recognised if transcribe else transcript)
        if verify:
            sample = client.update_sample(
                sample.name, transcript_word_error_rate=word_error_rate(transcript, recognised)
            )
        print_answer(session, sample)
    print_findings(session, sample)


def _recognised(client: Client, profile: str, file: Path) -> str:
    """The transcript of a recording in the profile's language; before anything is stored, so that a failure
    leaves nothing.
    """
    language = client.get_profile(profile).language
    with working(f"Listening to {file}"):
        return client.transcribe(file, language=language).transcript


@click.command()
@click.argument("profile")
@pass_session
def samples(session: CommandSession, profile: str) -> None:
    """List the recordings of a profile, oldest first."""
    with session.client() as client:
        _print_samples(session, list(client.list_samples(profile)))


@click.command("show-sample")
@click.argument("sample")
@pass_session
def show_sample(session: CommandSession, sample: str) -> None:
    """Show a recording, and what is good and bad about it."""
    with session.client() as client:
        found = client.get_sample(sample)
    print_answer(session, found)
    print_findings(session, found)


@click.command("edit-sample")
@click.argument("sample")
@click.option("--transcript", metavar="TEXT", help="What is said in it.")
@click.option("--exclude/--include", "excluded", default=None, help="Leave it out of the voice, or take it in again.")
@click.option("--etag", default="", help="Change it only if it is still as when this etag was shown.")
@pass_session
def edit_sample(session: CommandSession, sample: str, transcript: str | None, excluded: bool | None, etag: str) -> None:
    """Change a recording's transcript, or whether it is used."""
    changes = SampleChanges()
    if transcript is not None:
        changes["transcript"] = transcript
    if excluded is not None:
        changes["excluded"] = excluded
    if not changes:
        raise click.UsageError("Say what to change: --transcript, --exclude or --include.")
    with session.client() as client:
        print_answer(session, client.update_sample(sample, etag, **changes))


@click.command()
@click.argument("sample")
@click.option("--start", type=SECONDS, metavar="SECONDS", help="Where the used part begins.")
@click.option("--end", type=SECONDS, metavar="SECONDS", help="Where the used part ends.")
@click.option("--whole", is_flag=True, help="Use all of it again.")
@pass_session
def trim(session: CommandSession, sample: str, start: float | None, end: float | None, whole: bool) -> None:
    """Choose which part of a recording is used; the recording itself stays."""
    if whole == (start is not None or end is not None):
        raise click.UsageError("Give --start, --end or both, or --whole.")
    changes = SampleChanges(trim_start_seconds=0.0, trim_end_seconds=None) if whole else SampleChanges()
    if start is not None:
        changes["trim_start_seconds"] = start
    if end is not None:
        changes["trim_end_seconds"] = end
    with session.client() as client:
        trimmed = client.update_sample(sample, **changes)
    print_answer(session, trimmed)
    print_findings(session, trimmed)


@click.command()
@click.argument("sample")
@click.option("--min", "min_seconds", type=SECONDS, metavar="SECONDS", help="The shortest utterance; 2 when left out.")
@click.option("--max", "max_seconds", type=SECONDS, metavar="SECONDS", help="The longest utterance; 15 when left out.")
@pass_session
def segment(session: CommandSession, sample: str, min_seconds: float | None, max_seconds: float | None) -> None:
    """Cut a long recording at its pauses into utterances, which take its place."""
    with session.client() as client:
        with working(f"Cutting {sample}"):
            found = client.segment_sample(sample, min_seconds, max_seconds)
        _print_samples(session, found)


@click.command()
@click.argument("sample")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it there instead.")
@click.option("--normalized", is_flag=True, help="The normalised copy, a FLAC file, instead of the original.")
@pass_session
def play(session: CommandSession, sample: str, output: Path | None, normalized: bool) -> None:
    """Play a recording on the speakers, or write it to a file."""
    form = catalog_pb2.SAMPLE_FORM_NORMALIZED if normalized else catalog_pb2.SAMPLE_FORM_ORIGINAL
    with session.client() as client:
        if output is not None:
            print_written(session, str(output), _fetch(client, sample, form, output))
            return
        container = "flac" if normalized else client.get_sample(sample).container
        with tempfile.TemporaryDirectory(prefix="voicebox-") as folder:
            path = Path(folder, f"sample.{container}")
            _fetch(client, sample, form, path)
            play_file(path)


def _fetch(client: Client, sample: str, form: "catalog_pb2.SampleForm.ValueType", path: Path) -> int:
    size_bytes = 0
    with whole_file(path) as out:
        for piece in client.sample_audio(sample, form):
            size_bytes += out.write(piece)
    return size_bytes


@click.command("delete-sample")
@click.argument("sample")
@pass_session
def delete_sample(session: CommandSession, sample: str) -> None:
    """Delete a recording, named as `samples` shows it."""
    with session.client() as client:
        client.delete_sample(sample)
    print_deleted(session, sample)


def _print_samples(session: CommandSession, found: list[catalog_pb2.Sample]) -> None:
    if session.json:
        print_list("samples", found)
    else:
        print_table(("NAME", "ADDED", "SECONDS", "FORM", "QUALITY", "TRANSCRIPT"), map(_row, found))


def _row(sample: catalog_pb2.Sample) -> tuple[str, ...]:
    form = f"{sample.container} {sample.sample_rate_hz} Hz"
    length = f"{seconds(sample.duration):.1f}"
    return sample.name, local_time(sample.create_time), length, form, _quality(sample), shortened(sample.transcript, 50)


def _quality(sample: catalog_pb2.Sample) -> str:
    """OK, WARN or REJECT with the reasons; `excluded` when it is not used anyway."""
    if sample.excluded:
        return "excluded"
    verdict = catalog_pb2.QualityReport.Verdict.Name(sample.quality.verdict).removeprefix("VERDICT_")
    reasons = ", ".join(finding.reason for finding in sample.quality.findings)
    return f"{verdict}: {reasons}" if reasons else verdict.replace("UNSPECIFIED", "")


def print_findings(session: CommandSession, sample: catalog_pb2.Sample) -> None:
    """What is good and bad about a recording, to standard error; in JSON the sample itself says it."""
    if not session.json:
        for finding in sample.quality.findings:
            click.echo(f"{finding.reason}: {finding.message}", err=True)


COMMANDS = (add_sample, samples, show_sample, edit_sample, trim, segment, play, delete_sample)
