"""`voicebox serve catalog tts asr gateway`: serve the named services, in this process or each in its own."""

import asyncio
import os
import sys

import click

from . import exposure, logs, plugins, tracing
from .errors import StartError
from .separate_processes import serve_apart
from .serve import serve as serve_all

GROUP = "voicebox.services"


@click.command()
@click.argument("services", nargs=-1, required=True)
@click.option("--apart", is_flag=True, help="Each in a process of its own; all end when one fails.")
def serve(services: tuple[str, ...], apart: bool) -> None:
    """Serve the named SERVICES until Ctrl-C or SIGTERM, started in the order given."""
    try:
        logs.configure(os.environ)
        tracing.configure(os.environ)
        exposure.keep_files_private(os.environ)
        opens = [plugins.load(GROUP, name) for name in services]
        asyncio.run(serve_apart(services) if apart else serve_all(opens, os.environ, click.echo))
    except StartError as error:
        click.echo(f"voicebox: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
