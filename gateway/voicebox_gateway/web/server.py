"""Serves an ASGI app beside whatever else the process serves."""

import asyncio
import math
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp
from voicebox_kit.ports import cannot_listen, family, host_and_port
from voicebox_kit.server import Endpoint, Serving
from voicebox_kit.tls import Tls

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Of a WebSocket: OpenAI's own limit for a piece of audio is 15 MiB."""


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are for the process, which ends all its services in order."""
        yield


@asynccontextmanager
async def serving(
    label: str, app: ASGIApp, address: str, grace_seconds: float, tls: Tls | None = None
) -> AsyncIterator[Serving]:
    """Serve `app` at `address` until the block ends, then let answers go on for at most `grace_seconds`. With `tls`,
    for clients with a certificate alone.

    Raises StartError when the address is taken.
    """
    listening = _listen(address, f"{label.upper()}_ADDRESS")
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE_BYTES,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=math.ceil(grace_seconds),
    )
    config.load()
    config.ssl = tls.server_context() if tls else None
    server = _Server(config)
    # Who connects before it runs waits in the socket's queue.
    task = asyncio.create_task(server.serve([listening]))
    host, port = address.rpartition(":")[0], listening.getsockname()[1]
    serving = Serving(label, (Endpoint(f"{label} HTTP", f"{host}:{port}"),))
    task.add_done_callback(lambda _: serving.ended.set())
    try:
        yield serving
    finally:
        server.should_exit = True
        await task
        listening.close()


def _listen(address: str, variable: str) -> socket.socket:
    host, port = host_and_port(address)
    try:
        return socket.create_server((host, port), family=family(host), backlog=1024)
    except OSError as error:
        raise cannot_listen(address, variable, error) from error
