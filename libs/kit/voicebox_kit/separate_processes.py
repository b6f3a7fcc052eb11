"""Serves each service in its own process, until all are stopped or one of them ends."""

import asyncio
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Sequence
from contextlib import suppress

from .errors import StartError

_SERVE = "from voicebox_kit.command import serve; serve()"


async def serve_apart(services: Sequence[str]) -> None:
    """Start them in order, and stop all of them on SIGINT or SIGTERM; raises StartError when one ends by itself, after
    the others ended.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    running = {name: await asyncio.create_subprocess_exec(sys.executable, "-c", _SERVE, name) for name in services}
    ended = await _first_ended(running, stopping)
    for process in running.values():
        with suppress(ProcessLookupError):
            process.terminate()
    for process in running.values():
        await process.wait()
    if ended:
        raise StartError(f"{ended} ended by itself, with code {running[ended].returncode}; so the others were stopped.")


async def _first_ended(running: dict[str, Process], stopping: asyncio.Event) -> str:
    """The name of the first one that ends by itself; empty when a signal stops us before."""
    waits = {asyncio.create_task(process.wait()): name for name, process in running.items()}
    stop = asyncio.create_task(stopping.wait())
    done, pending = await asyncio.wait([stop, *waits], return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    return "" if stop in done else waits[done.pop()]
