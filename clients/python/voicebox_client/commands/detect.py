"""`voicebox detect`: whether a recording has the watermark of synthetic speech."""

from pathlib import Path

import click

from voicebox_client.output import as_json, print_json
from voicebox_client.session import CommandSession, pass_session


@click.command("detect")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE")
@pass_session
def command(session: CommandSession, /, file: Path) -> None:
    """Look for the watermark of synthetic speech in a recording.

    A recording without it may be synthetic all the same: others mark in other ways, or not at all.
    """
    with session.client() as client:
        found = client.detect_watermark(file)
    if session.json:
        print_json(as_json(found))
        return
    verdict = "is watermarked" if found.detected else "has no watermark"
    click.echo(f"{file} {verdict} ({found.watermark}, {found.share:.0%} of the samples)")
