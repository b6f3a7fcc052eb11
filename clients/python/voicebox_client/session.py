"""What every verb is told: where the platform is, and how to answer."""

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

import voicebox_client

if TYPE_CHECKING:
    from .client import Client


@dataclass(frozen=True)
class Session:
    """The global options. `timeout_seconds` of None leaves the client's own deadlines."""

    server: str
    json: bool
    timeout_seconds: float | None
    sleep: Callable[[float], None] = time.sleep

    def client(self) -> "Client":
        """A client of the chosen server; a timeout that was asked for holds for every call."""
        if self.timeout_seconds is None:
            return voicebox_client.Client(self.server)
        return voicebox_client.Client(self.server, timeout_seconds=self.timeout_seconds, work_timeout_seconds=self.timeout_seconds)


pass_session = click.make_pass_decorator(Session)


def progress(line: str) -> None:
    """Shows how far the work is, in place; only on a terminal, and only as much of the end as fits. An empty line takes it away."""
    if sys.stderr.isatty():
        columns = shutil.get_terminal_size().columns
        click.echo(f"\r\033[K{line[-columns + 1 :]}", err=True, nl=False)
