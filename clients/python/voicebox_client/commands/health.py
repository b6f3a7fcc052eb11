"""`voicebox health`: which services answer."""

import click

from voicebox_client.output import print_json, print_table
from voicebox_client.session import CommandSession, pass_session


@click.command("health")
@click.pass_context
@pass_session
def command(session: CommandSession, ctx: click.Context) -> None:
    """Show which services answer.

    The exit code is 0 when all of them do, else 1.
    """
    with session.client() as client:
        health = client.health()
    if session.json:
        print_json({"serving": health.serving, "services": dict(health.services)})
    else:
        print_table(("SERVICE", "STATE"), sorted(health.services.items()))
    ctx.exit(0 if health.serving else 1)
