"""`voicebox serve catalog tts asr gateway`: serve the named services in this process."""

import asyncio
import os
import sys

import click

from . import logs, plugins
from .errors import StartError
from .serve import serve as serve_all

GROUP = "voicebox.services"


@click.command()
@click.argument("services", nargs=-1, required=True)
def serve(services: tuple[str, ...]) -> None:
    """Serve the named SERVICES in this process until Ctrl-C or SIGTERM, started in the order given."""
    try:
        logs.configure(os.environ)
        opens = [plugins.load(GROUP, name) for name in services]
        asyncio.run(serve_all(opens, os.environ, click.echo))
    except StartError as error:
        click.echo(f"voicebox: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
