"""`voicebox keys`: by what clients authenticate."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points

import click
from google.protobuf.timestamp_pb2 import Timestamp
from voicebox.accounts.v1 import accounts_pb2

from voicebox_client.account_requests import Scope, scope_name
from voicebox_client.commands.answers import print_answer
from voicebox_client.output import as_json, local_time, print_json, print_list, print_table
from voicebox_client.ranges import real
from voicebox_client.session import CommandSession, pass_session

SCOPES: tuple[Scope, ...] = ("speak", "hear", "read", "manage", "admin")
USUAL_SCOPES = "speak,hear,read,manage"
LOCAL = "voicebox.local"
"""The entry points of what is done on the platform's own machine, without the network."""
DAY_SECONDS = 86_400


@click.group("keys")
def command() -> None:
    """Create, list, revoke and rotate keys. A command sends the key in VOICEBOX_API_KEY."""


@command.command()
@click.option("--owner", required=True, help="Whose data the key reads and writes.")
@click.option("--scopes", default=USUAL_SCOPES, show_default=True, help="What it allows; admin is everything.")
@click.option("--name", "display_name", default="", help="What you call it.")
@click.option("--days", type=real(above=0), help="It expires after so many.")
@click.option("--local", is_flag=True, help="Write to the database of this machine, without a key: for the first one.")
@pass_session
def create(
    session: CommandSession, owner: str, scopes: str, display_name: str, days: float | None, local: bool
) -> None:
    """Create a key. Its secret is printed this once."""
    chosen, expire_time = _scopes(scopes), _after(days)
    if local:
        expire_us = expire_time.ToMicroseconds() if expire_time else None
        click.echo(_create_locally(owner, chosen, display_name, expire_us))
        return
    with session.client() as client:
        _print_secret(session, client.create_key(owner, chosen, display_name, expire_time))


@command.command("list")
@click.option("--owner", default="", help="Only this owner's.")
@pass_session
def list_(session: CommandSession, owner: str) -> None:
    """List keys, newest first."""
    with session.client() as client:
        keys = list(client.list_keys(owner))
    if session.json:
        print_list("keys", keys)
    else:
        print_table(("KEY", "OWNER", "NAME", "SCOPES", "BEGINS", "STATE"), map(_row, keys))


@command.command()
@click.argument("key")
@pass_session
def revoke(session: CommandSession, key: str) -> None:
    """Revoke a KEY: it is refused within a second."""
    with session.client() as client:
        print_answer(session, client.revoke_key(key))


@command.command()
@click.argument("key")
@click.option("--overlap-days", type=real(0, 30), default=0.0, help="The old key goes on for so long.")
@pass_session
def rotate(session: CommandSession, key: str, overlap_days: float) -> None:
    """Create a key like KEY, which ends. The new secret is printed this once."""
    with session.client() as client:
        _print_secret(session, client.rotate_key(key, overlap_days * DAY_SECONDS))


def _scopes(listed: str) -> list[Scope]:
    names = [name.strip() for name in listed.split(",")]
    chosen: list[Scope] = [scope for scope in SCOPES if scope in names]
    if len(chosen) != len(set(names)):
        raise click.BadParameter(f"{listed!r} is not of {', '.join(SCOPES)}, separated by commas.")
    return chosen


def _after(days: float | None) -> Timestamp | None:
    if days is None:
        return None
    moment = Timestamp()
    moment.FromDatetime(datetime.now(UTC) + timedelta(days=days))
    return moment


def _create_locally(owner: str, scopes: Sequence[str], display_name: str, expire_us: int | None) -> str:
    found = next(iter(entry_points(group=LOCAL, name="keys")), None)
    if found is None:
        raise click.ClickException("The accounts service is not installed here: leave out --local.")
    try:
        secret: str = found.load()(os.environ, owner, scopes, display_name, expire_us)
    except Exception as error:  # whatever the database says
        raise click.ClickException(str(error)) from error
    return secret


def _print_secret(session: CommandSession, made: accounts_pb2.CreateKeyResponse) -> None:
    if session.json:
        print_json(as_json(made))
    else:
        click.echo(made.secret)


def _row(key: accounts_pb2.Key) -> tuple[str, ...]:
    scopes = ",".join(map(scope_name, key.scopes))
    return (key.name.removeprefix("keys/"), key.owner, key.display_name, scopes, key.prefix, _state(key))


def _state(key: accounts_pb2.Key) -> str:
    if key.HasField("revoke_time"):
        return f"revoked {local_time(key.revoke_time)}"
    if not key.HasField("expire_time"):
        return ""
    verb = "expired" if key.expire_time.ToDatetime(tzinfo=UTC) <= datetime.now(UTC) else "until"
    return f"{verb} {local_time(key.expire_time)}"
