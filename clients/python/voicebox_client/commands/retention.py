"""`voicebox retention`: how long the history is stored."""

import click
from voicebox.catalog.v1 import catalog_pb2

from voicebox_client.output import as_json, print_json
from voicebox_client.ranges import real, whole
from voicebox_client.session import CommandSession, pass_session, working

MEGABYTE = 1_000_000


@click.group("retention")
def command() -> None:
    """Set how long the history is stored."""


@command.command()
@pass_session
def show(session: CommandSession) -> None:
    """Show the rule."""
    with session.client() as client:
        _print(session, client.get_retention_rule())


@command.command("set")
@click.option("--keep-days", type=whole(1, 36_500), help="Delete what is older.")
@click.option("--keep-megabytes", type=real(0), help="Delete the oldest while there is more audio.")
@click.option("--keep-everything", is_flag=True, help="Delete nothing.")
@pass_session
def set_(session: CommandSession, keep_days: int | None, keep_megabytes: float | None, keep_everything: bool) -> None:
    """Set the rule, in place of the last one. Favourites are never deleted by it."""
    if (keep_days is None and keep_megabytes is None) != keep_everything:
        raise click.UsageError("Give --keep-days, --keep-megabytes or both; or --keep-everything.")
    keep_bytes = None if keep_megabytes is None else round(keep_megabytes * MEGABYTE)
    with session.client() as client:
        _print(session, client.set_retention_rule(keep_days, keep_bytes))


@command.command()
@click.option("--force", is_flag=True, help="Delete; otherwise only say what would be.")
@pass_session
def apply(session: CommandSession, force: bool) -> None:
    """Delete the records beyond the rule. The catalog does this itself, on a schedule."""
    with session.client() as client, working("Applying the rule"):
        done = client.apply_retention(force=force)
    if session.json:
        print_json(as_json(done))
        return
    verb = "Deleted" if force else "Would delete"
    megabytes = done.size_bytes / MEGABYTE
    click.echo(
        f"{verb} {done.generation_count} generations and {done.transcription_count} transcriptions, {megabytes:.1f} MB."
    )


def _print(session: CommandSession, rule: catalog_pb2.RetentionRule) -> None:
    if session.json:
        print_json(as_json(rule))
        return
    limits = []
    if rule.HasField("keep_days"):
        limits.append(f"{rule.keep_days} days")
    if rule.HasField("keep_bytes"):
        limits.append(f"{rule.keep_bytes / MEGABYTE:g} MB of audio")
    click.echo(f"Keeps {' and at most '.join(limits) or 'everything'}.")
