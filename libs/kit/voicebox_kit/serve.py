"""Serves several services in one process until a signal stops it."""

import asyncio
import ctypes
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack

from .errors import StartError
from .exposure import refuse_exposed
from .ports import refuse_taken
from .server import OpenService, Serving

PR_SET_DUMPABLE = 4
"""Of linux/prctl.h."""


async def serve(opens: Sequence[OpenService], env: Mapping[str, str], announce: Callable[[str], None]) -> None:
    """Open the services in order, announce where they listen, and close them in reverse order on SIGINT or SIGTERM.

    Raises StartError when one cannot start, and when one stops by itself.
    """
    hide_memory()
    for open_service in opens:
        addresses = _addresses(open_service, env)
        refuse_exposed(addresses, env)
        refuse_taken(addresses)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        running: list[Serving] = []
        for open_service in opens:
            running.append(await stack.enter_async_context(open_service(env)))
            if stopping.is_set():
                loop.remove_signal_handler(signal.SIGINT)
                return
        for line in _lines(running):
            announce(line)
        failed = await _first_ended(stopping, running)
        loop.remove_signal_handler(signal.SIGINT)  # a second Ctrl-C does not wait for the drain
    if failed:
        raise StartError(f"{failed.name} stopped by itself; the log says why.")


def hide_memory() -> None:
    """No other process of this user reads the memory of this one, or traces it; no core is dumped."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def _addresses(open_service: OpenService, env: Mapping[str, str]) -> Mapping[str, str]:
    """What a service will listen on, by variable, as its module says: a port in use is found before models are
    loaded.
    """
    addresses = getattr(sys.modules.get(open_service.__module__), "addresses", None)
    return addresses(env) if addresses else {}


def _lines(running: Sequence[Serving]) -> list[str]:
    endpoints = [endpoint for serving in running for endpoint in serving.endpoints]
    width = max((len(endpoint.label) for endpoint in endpoints), default=0)
    hints = [f"  {hint}" for serving in running for hint in serving.hints]
    return [f"{endpoint.label:<{width}}  {endpoint.address}" for endpoint in endpoints] + (
        ["Try:", *hints] if hints else []
    )


async def _first_ended(stopping: asyncio.Event, running: Sequence[Serving]) -> Serving | None:
    """Wait for the stop signal, or for a service to end by itself, which is returned."""
    waits = {
        asyncio.create_task(event.wait()): serving
        for event, serving in [(stopping, None), *((s.ended, s) for s in running)]
    }
    done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in pending:
        wait.cancel()
    return None if stopping.is_set() else waits[done.pop()]
