"""What every command gets: where the platform is, and how to print."""

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import click

import voicebox_client

if TYPE_CHECKING:
    from .client import Client

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class CommandSession:
    """The global options. `timeout_seconds` of None leaves the client's own deadlines; `wide` leaves tables whole."""

    server: str
    json: bool
    timeout_seconds: float | None
    sleep: Callable[[float], None] = time.sleep
    wide: bool = False
    api_key: str = field(default="", repr=False)

    def client(self) -> "Client":
        """A client of the chosen server; a timeout that a person set holds for every call."""
        if self.timeout_seconds is None:
            return voicebox_client.Client(self.server, api_key=self.api_key)
        return voicebox_client.Client(
            self.server,
            timeout_seconds=self.timeout_seconds,
            work_timeout_seconds=self.timeout_seconds,
            api_key=self.api_key,
        )


PARAMETERS = "voicebox_client.parameters"


def pass_session(function: "Callable[Concatenate[CommandSession, P], R]") -> "Callable[P, R]":
    """Gives a command's function the session, and lets errors know the command's options."""

    @click.pass_context
    @wraps(function)
    def with_session(ctx: click.Context, /, *given: P.args, **named: P.kwargs) -> R:
        ctx.meta[PARAMETERS] = tuple(ctx.command.params)
        session = ctx.find_object(CommandSession)
        assert session is not None
        return ctx.invoke(function, session, *given, **named)

    return with_session


def given_parameters() -> tuple[click.Parameter, ...]:
    """The options and arguments of the command that runs."""
    parameters: tuple[click.Parameter, ...] = click.get_current_context().meta.get(PARAMETERS, ())
    return parameters


@dataclass
class Working:
    """Work of unknown length: `share` of it is done, where that is known."""

    label: str
    share: float | None = None

    def line(self, seconds: float) -> str:
        """As it is shown after so long."""
        done = "" if self.share is None else f" {self.share:.0%},"
        return f"{self.label} …{done} {seconds:.0f} s"


@contextmanager
def working(label: str, tick_seconds: float = 1.0) -> Iterator[Working]:
    """Shows on a terminal what is being done, and for how long; every second anew, until the block ends."""
    work, ended, began = Working(label), threading.Event(), time.monotonic()

    def show() -> None:
        while not ended.wait(tick_seconds):
            progress(work.line(time.monotonic() - began))

    progress(f"{label} …")
    ticker = threading.Thread(target=show, daemon=True)
    ticker.start()
    try:
        yield work
    finally:
        ended.set()
        ticker.join()
        progress("")


def progress(line: str) -> None:
    """Shows how far the work is, in place; only on a terminal, and only as much of the end as fits. An empty line takes
    it away.
    """
    if sys.stderr.isatty():
        columns = shutil.get_terminal_size().columns
        click.echo(f"\r\033[K{line[-columns + 1 :]}", err=True, nl=False)
