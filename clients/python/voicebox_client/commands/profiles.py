"""`voicebox profiles`: stored voices."""

import tempfile
import uuid
from pathlib import Path
from typing import Any, cast

import click
from voicebox.catalog.v1 import catalog_pb2

from voicebox_client.client import Client
from voicebox_client.commands import profile_files, profile_samples
from voicebox_client.commands.answers import print_answer, print_deleted
from voicebox_client.errors import VoiceboxClientError
from voicebox_client.option_names import in_options
from voicebox_client.output import print_list, print_table, shortened
from voicebox_client.profile_archive import MANIFEST, write_archive
from voicebox_client.profile_requests import ProfileChanges, ProfileDetails, create_profile
from voicebox_client.ranges import whole
from voicebox_client.requests import resource
from voicebox_client.session import CommandSession, given_parameters, pass_session, working


@click.group("profiles")
def command() -> None:
    """Store voices, and the recordings that they are made from."""


for _verb in (*profile_files.COMMANDS, *profile_samples.COMMANDS):
    command.add_command(_verb)


def _details(function: Any) -> Any:
    """The options for a profile's fields."""
    options = (
        click.option("--language", help="BCP 47 language that the person speaks."),
        click.option("--description", help="Free text."),
        click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="A label; may be given again."),
        click.option("--consent", metavar="TEXT", help="What the speaker agreed to, in words."),
        click.option("--consent-by", metavar="NAME", help="Who agreed."),
        click.option("--consent-scope", metavar="TEXT", help="What for."),
        click.option("--speed", type=float, metavar="X", help="How fast it speaks by default, 0.5 to 2."),
        click.option(
            "--pitch",
            "pitch_semitones",
            type=float,
            metavar="SEMITONES",
            help="How high it speaks by default, -12 to 12.",
        ),
        click.option("--seed", type=whole(0, 2**32 - 1), help="A seed that makes it speak the same each time."),
        click.option("--lexicon", "lexicons", multiple=True, metavar="NAME", help="Read its texts with this lexicon."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@command.command("list")
@click.option(
    "--filter", default="", metavar="CONDITIONS", help='Such as: language = "en-US" AND labels.team = "games".'
)
@click.option("--deleted", "show_deleted", is_flag=True, help="Deleted ones too.")
@pass_session
def list_(session: CommandSession, filter: str, show_deleted: bool) -> None:
    """List the profiles, newest first."""
    with session.client() as client:
        profiles = list(client.list_profiles(filter=filter, show_deleted=show_deleted))
    if session.json:
        print_list("profiles", profiles)
    else:
        print_table(("NAME", "DISPLAY NAME", "LANGUAGE", "SAMPLES", "DESCRIPTION"), map(_row, profiles))


def _row(profile: catalog_pb2.Profile) -> tuple[str, ...]:
    name = f"{profile.name} (deleted)" if profile.HasField("delete_time") else profile.name
    return name, profile.display_name, profile.language, str(profile.sample_count), shortened(profile.description, 50)


@command.command()
@click.argument("profile")
@pass_session
def show(session: CommandSession, profile: str) -> None:
    """Show a profile."""
    with session.client() as client:
        print_answer(session, client.get_profile(profile))


@command.command()
@click.argument("display_name", metavar="NAME")
@click.option(
    "--id", "profile_id", default="", help="The last part of its resource name; chosen by the server when left out."
)
@_details
@click.option("--sample", type=profile_samples.RECORDING, help="Add this recording to it.")
@click.option("--transcript", default="", metavar="TEXT", help="What is said in the recording.")
@pass_session
def create(
    session: CommandSession, /, display_name: str, profile_id: str, sample: Path | None, transcript: str, **details: Any
) -> None:
    """Create a profile, with its first recording if you like."""
    given = cast("ProfileDetails", _given(details))
    with session.client() as client:
        if sample is None:
            profile = client.create_profile(display_name, profile_id, **given)
        else:
            request = create_profile(display_name, profile_id or str(uuid.uuid4()), **given)
            profile = _created_with(client, request, sample, transcript)
        print_answer(session, profile)
        if sample is not None:
            for kept in client.list_samples(profile.name):
                profile_samples.print_findings(session, kept)


def _created_with(
    client: Client, request: catalog_pb2.CreateProfileRequest, sample: Path, transcript: str
) -> catalog_pb2.Profile:
    """A new profile with its first recording: both or neither, however it ends."""
    request.profile.name = resource("profiles", request.profile_id)
    with tempfile.TemporaryDirectory(prefix="voicebox-") as folder, working(f"Adding {sample}"):
        archive = Path(folder, "profile.zip")
        file = write_archive(archive, request.profile, sample, transcript)
        try:
            return client.import_profile(archive, request.profile_id)
        except VoiceboxClientError as error:
            sentence = error.sentence.removeprefix(f"{MANIFEST}: ").replace(f"{file}: ", f"{sample}: ", 1)
            field = "" if error.field == "archive" else error.field
            raise click.ClickException(
                f"{in_options(sentence, field, given_parameters())} No profile was created."
            ) from error


@command.command()
@click.argument("profile")
@click.option("--name", "display_name", help="A new name for people.")
@_details
@click.option("--etag", default="", help="Change it only if it is still as when this etag was shown.")
@pass_session
def update(session: CommandSession, /, profile: str, etag: str, **changes: Any) -> None:
    """Change a profile; what is not given stays as it is."""
    given = _given(changes)
    if not given:
        raise click.UsageError("Say what to change, for example --name or --description.")
    with session.client() as client:
        print_answer(session, client.update_profile(profile, etag, **given))


@command.command()
@click.argument("profile")
@click.option("--etag", default="", help="Delete it only if it is still as when this etag was shown.")
@pass_session
def delete(session: CommandSession, profile: str, etag: str) -> None:
    """Delete a profile with its samples; its generations stay in the history."""
    with session.client() as client:
        client.delete_profile(profile, etag)
    print_deleted(session, profile)


@command.command()
@click.argument("profile")
@pass_session
def undelete(session: CommandSession, profile: str) -> None:
    """Bring a deleted profile back, with its samples."""
    with session.client() as client:
        print_answer(session, client.undelete_profile(profile))


@command.command()
@click.argument("profile")
@click.option("--id", "profile_id", default="", help="The last part of the copy's resource name.")
@click.option("--name", "display_name", default="", help="The copy's name for people; the same when left out.")
@pass_session
def duplicate(session: CommandSession, profile: str, profile_id: str, display_name: str) -> None:
    """Copy a profile, with its picture and its samples."""
    with session.client() as client:
        with working(f"Copying {profile}"):
            copy = client.duplicate_profile(profile, profile_id, display_name)
        print_answer(session, copy)


def _given(options: dict[str, Any]) -> ProfileChanges:
    """The fields that the options name. click.UsageError for options that need another."""
    given = {name: value for name, value in options.items() if value not in (None, ())}
    voice = {name: given.pop(name) for name in ("speed", "pitch_semitones", "seed", "lexicons") if name in given}
    by, scope = given.pop("consent_by", ""), given.pop("consent_scope", "")
    if "consent" in given:
        given["consent"] = catalog_pb2.Consent(statement=given["consent"], speaker=by, scope=scope)
    elif by or scope:
        raise click.UsageError("Say with --consent what was agreed.")
    if "lexicons" in voice:
        voice["lexicons"] = [resource("lexicons", name) for name in voice["lexicons"]]
    if voice:
        given["default_voice_settings"] = catalog_pb2.VoiceSettings(**voice)
    if "labels" in given:
        given["labels"] = dict(_label(label) for label in given["labels"])
    return cast("ProfileChanges", given)


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise click.UsageError(f"{text!r} is not a label: write KEY=VALUE.")
    return key, value
