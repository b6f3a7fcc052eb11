"""`voicebox profiles`: voices that are kept, and the recordings that they are made from."""

from contextlib import suppress
from pathlib import Path
from typing import cast

import click
from google.protobuf.message import Message
from voicebox.catalog.v1 import catalog_pb2

from voicebox_client.client import Client
from voicebox_client.errors import VoiceboxClientError
from voicebox_client.output import as_json, local_time, print_fields, print_json, print_list, print_table, seconds, shortened
from voicebox_client.requests import ProfileChanges, ProfileDetails
from voicebox_client.session import Session, pass_session

RECORDING = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("profiles")
def command() -> None:
    """Keep voices, and the recordings that they are made from."""


@command.command("list")
@pass_session
def list_(session: Session) -> None:
    """List the profiles, newest first."""
    with session.client() as client:
        profiles = list(client.list_profiles())
    if session.json:
        print_list("profiles", profiles)
    else:
        print_table(("NAME", "DISPLAY NAME", "LANGUAGE", "SAMPLES", "DESCRIPTION"), map(_row, profiles))


def _row(profile: catalog_pb2.Profile) -> tuple[str, ...]:
    return profile.name, profile.display_name, profile.language, str(profile.sample_count), shortened(profile.description, 50)


@command.command()
@click.argument("profile")
@pass_session
def show(session: Session, profile: str) -> None:
    """Show a profile."""
    with session.client() as client:
        _print(session, client.get_profile(profile))


@command.command()
@click.argument("display_name", metavar="NAME")
@click.option("--id", "profile_id", default="", help="The last part of its resource name; drawn by the server when left out.")
@click.option("--language", help="BCP 47 language that the person speaks.")
@click.option("--description", help="Free text.")
@click.option("--consent", "consent_statement", metavar="TEXT", help="How and when the speaker agreed.")
@click.option("--sample", type=RECORDING, help="Add this recording to it.")
@click.option("--transcript", default="", metavar="TEXT", help="What is said in the recording.")
@pass_session
def create(session: Session, /, display_name: str, profile_id: str, sample: Path | None, transcript: str, **details: str | None) -> None:
    """Create a profile, with its first recording if you like."""
    with session.client() as client:
        profile = client.create_profile(display_name, profile_id, **cast("ProfileDetails", _given(details)))
        if sample is not None:
            _add_first_sample(client, profile, sample, transcript)
            profile = client.get_profile(profile.name)
        _print(session, profile)


def _add_first_sample(client: Client, profile: catalog_pb2.Profile, sample: Path, transcript: str) -> None:
    """Adds a recording to a new profile, and takes the profile away when that fails: the command does all or nothing."""
    try:
        client.add_sample(profile.name, sample, transcript)
    except (VoiceboxClientError, OSError):
        with suppress(VoiceboxClientError):
            client.delete_profile(profile.name)
        raise


@command.command()
@click.argument("profile")
@click.option("--name", "display_name", help="A new name for people.")
@click.option("--language", help="BCP 47 language that the person speaks.")
@click.option("--description", help="Free text.")
@click.option("--consent", "consent_statement", metavar="TEXT", help="How and when the speaker agreed.")
@click.option("--etag", default="", help="Change it only if it is still as when this etag was shown.")
@pass_session
def update(session: Session, /, profile: str, etag: str, **changes: str | None) -> None:
    """Change a profile; what is not given stays as it is."""
    given = _given(changes)
    if not given:
        raise click.UsageError("Say what to change: --name, --language, --description or --consent.")
    with session.client() as client:
        _print(session, client.update_profile(profile, etag, **cast("ProfileChanges", given)))


@command.command()
@click.argument("profile")
@click.option("--etag", default="", help="Delete it only if it is still as when this etag was shown.")
@pass_session
def delete(session: Session, profile: str, etag: str) -> None:
    """Delete a profile with its samples; its generations stay in the history."""
    with session.client() as client:
        client.delete_profile(profile, etag)
    _print_deleted(session, profile)


@command.command("add-sample")
@click.argument("profile")
@click.argument("file", type=RECORDING)
@click.option("--transcript", default="", metavar="TEXT", help="What is said in it.")
@pass_session
def add_sample(session: Session, profile: str, file: Path, transcript: str) -> None:
    """Add a recording to a profile."""
    with session.client() as client:
        _print(session, client.add_sample(profile, file, transcript))


@command.command()
@click.argument("profile")
@pass_session
def samples(session: Session, profile: str) -> None:
    """List the recordings of a profile, oldest first."""
    with session.client() as client:
        found = list(client.list_samples(profile))
    if session.json:
        print_list("samples", found)
    else:
        print_table(("NAME", "ADDED", "SECONDS", "FORM", "TRANSCRIPT"), map(_sample_row, found))


def _sample_row(sample: catalog_pb2.Sample) -> tuple[str, ...]:
    form = f"{sample.container} {sample.sample_rate_hz} Hz"
    return sample.name, local_time(sample.create_time), f"{seconds(sample.duration):.1f}", form, shortened(sample.transcript, 50)


@command.command("delete-sample")
@click.argument("sample")
@pass_session
def delete_sample(session: Session, sample: str) -> None:
    """Delete a recording, named as `samples` shows it."""
    with session.client() as client:
        client.delete_sample(sample)
    _print_deleted(session, sample)


def _given(options: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in options.items() if value is not None}


def _print(session: Session, message: Message) -> None:
    if session.json:
        print_json(as_json(message))
    else:
        print_fields(message)


def _print_deleted(session: Session, name: str) -> None:
    if session.json:
        print_json({})
    else:
        click.echo(f"Deleted {name}.")
