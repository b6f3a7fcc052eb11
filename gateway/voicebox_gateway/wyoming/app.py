"""Puts the Wyoming bridge together."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import grpc
from voicebox_kit.channels import with_metadata
from voicebox_kit.errors import Exhausted
from voicebox_kit.ports import cannot_listen, host_and_port
from voicebox_kit.server import OPTIONS, Endpoint, Serving

from . import events, failures, services
from .events import MAX_HEADER_BYTES
from .services import Services
from .session import WyomingConnection
from .settings import Settings, read

log = logging.getLogger(__name__)


def addresses(env: Mapping[str, str]) -> Mapping[str, str]:
    """What the bridge will listen on, by variable."""
    settings = read(env)
    return {"WYOMING_ADDRESS": settings.address}


@asynccontextmanager
async def open_service(env: Mapping[str, str]) -> AsyncIterator[Serving]:
    """Serve Wyoming as a client of tts, asr and the catalog, which may start before or after it.

    Raises StartError when a variable does not fit or the address is taken.
    """
    settings = read(env)
    async with (
        _open_channel(settings.tts_address, "tts", settings) as tts,
        _open_channel(settings.asr_address, "asr", settings) as asr,
        _open_channel(settings.catalog_address, "catalog", settings) as catalog,
    ):
        sessions = Connections(services.from_channels(tts, asr, catalog), settings)
        server = await _listen(sessions, settings.address)
        try:
            address = _host_and_port(server)
            log.info("wyoming serves on %s", address)
            yield Serving("wyoming", (Endpoint("wyoming", address),))
        finally:
            server.close()
            await sessions.finish(settings.grace_seconds)
            log.info("wyoming stopped")


@asynccontextmanager
async def _open_channel(address: str, service: str, settings: Settings) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a service; with a key, through the gateway, which decides what the key may do."""
    own = (("authorization", f"Bearer {settings.key}"), ("x-voicebox-service", service))
    target = settings.gateway_address if settings.key else address
    async with grpc.aio.insecure_channel(target, options=OPTIONS) as channel:
        yield with_metadata(channel, lambda _, given: (*given, *own)) if settings.key else channel


class Connections:
    """The peers that are connected now, as many as the settings allow."""

    def __init__(self, services: Services, settings: Settings) -> None:
        self._services, self._settings = services, settings
        self._running: dict[asyncio.Task[None], WyomingConnection] = {}

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection, or refuse it when there are too many."""
        maximum = self._settings.max_connections
        if len(self._running) >= maximum:
            writer.write(
                events.write(
                    failures.error_event(
                        Exhausted("TOO_MANY_CONNECTIONS", f"At capacity: {maximum} connections are open.")
                    )
                )
            )
            writer.close()
            return
        session = WyomingConnection(reader, writer, self._services, self._settings)
        task = asyncio.create_task(session.run())
        self._running[task] = session
        task.add_done_callback(self._running.pop)

    async def finish(self, grace_seconds: float) -> None:
        """Let the answers that are being made go on for at most `grace_seconds`."""
        running = dict(self._running)
        for session in running.values():
            session.finish()
        if running:
            await asyncio.wait(running, timeout=grace_seconds)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _listen(sessions: Connections, address: str) -> asyncio.Server:
    host, port = host_and_port(address)
    try:
        return await asyncio.start_server(sessions.accept, host, port, limit=MAX_HEADER_BYTES)
    except OSError as error:
        raise cannot_listen(address, "WYOMING_ADDRESS", error) from error


def _host_and_port(server: asyncio.Server) -> str:
    host, port = server.sockets[0].getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
