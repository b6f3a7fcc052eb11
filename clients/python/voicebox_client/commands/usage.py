"""`voicebox usage`: what was used, and by whom."""

from typing import get_args

import click
from voicebox.accounts.v1 import accounts_pb2

from voicebox_client.account_requests import UsageGroup
from voicebox_client.output import print_list, print_table
from voicebox_client.session import CommandSession, pass_session

GROUPS: tuple[UsageGroup, ...] = get_args(UsageGroup)


@click.command("usage")
@click.option("--owner", default="", help="Only this owner's.")
@click.option("--key", default="", help="Only this key's, by its id.")
@click.option("--from", "from_day", default="", metavar="DAY", help="The first day, YYYY-MM-DD; 30 days ago.")
@click.option("--to", "to_day", default="", metavar="DAY", help="The last day, YYYY-MM-DD; today.")
@click.option("--by", multiple=True, type=click.Choice(GROUPS), help="Group by it; may be given several times.")
@pass_session
def command(
    session: CommandSession, owner: str, key: str, from_day: str, to_day: str, by: tuple[UsageGroup, ...]
) -> None:
    """Show what was used, and by whom. Usage is counted where the platform authenticates."""
    with session.client() as client:
        rows = client.usage(owner, key, from_day, to_day, by)
    if session.json:
        print_list("rows", rows)
        return
    header = (*(name.upper() for name in by), "WORK", "CHARACTERS", "AUDIO", "COMPUTE")
    print_table(header, [(*(_group(row, name) for name in by), *_amounts(row)) for row in rows])


def _group(row: accounts_pb2.UsageRow, name: UsageGroup) -> str:
    if name == "kind":
        return accounts_pb2.WorkKind.Name(row.kind).removeprefix("WORK_KIND_").lower()
    return str(getattr(row, name))


def _amounts(row: accounts_pb2.UsageRow) -> tuple[str, ...]:
    seconds = (f"{ms / 1000:.1f} s" for ms in (row.amounts.audio_ms, row.amounts.compute_ms))
    return (str(row.work_count), str(row.amounts.characters), *seconds)
