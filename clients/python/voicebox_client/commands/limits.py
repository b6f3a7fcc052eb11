"""`voicebox limits`: how much an owner or a key may use."""

from typing import cast, get_type_hints

import click

from voicebox_client.account_requests import LimitChanges
from voicebox_client.commands.answers import print_answer
from voicebox_client.session import CommandSession, pass_session

NAMES = tuple(get_type_hints(LimitChanges))
NONE = "none"


@click.group("limits")
def command() -> None:
    """Show and set how much an owner or a key may use."""


@command.command()
@click.option("--owner", default="", help="Of this owner.")
@click.option("--key", default="", help="Of this key, by its id.")
@pass_session
def show(session: CommandSession, owner: str, key: str) -> None:
    """Show the limits that are set."""
    _check(owner, key)
    with session.client() as client:
        print_answer(session, client.get_limits(owner, key))


@command.command("set")
@click.option("--owner", default="", help="Of this owner.")
@click.option("--key", default="", help="Of this key, by its id; it comes before its owner's.")
@click.argument("limits", nargs=-1, required=True, metavar="NAME=NUMBER...")
@pass_session
def set_(session: CommandSession, owner: str, key: str, limits: tuple[str, ...]) -> None:
    """Set limits, such as characters_per_day=100000; NAME=none takes one away."""
    _check(owner, key)
    with session.client() as client:
        print_answer(session, client.update_limits(owner, key, **_changes(limits)))


def _check(owner: str, key: str) -> None:
    if bool(owner) == bool(key):
        raise click.UsageError("Give --owner or --key.")


def _changes(given: tuple[str, ...]) -> LimitChanges:
    changes: dict[str, int | None] = {}
    for each in given:
        name, _, value = each.partition("=")
        if name not in NAMES:
            raise click.UsageError(f"{name!r} is none of {', '.join(NAMES)}.")
        if value != NONE and not value.isdecimal():
            raise click.UsageError(f"{name} must be a whole number or {NONE}, not {value!r}.")
        changes[name] = None if value == NONE else int(value)
    return cast("LimitChanges", changes)
