"""Puts `web` together."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry
from voicebox_kit import hosts
from voicebox_kit.background import Background
from voicebox_kit.open_calls import OpenCalls
from voicebox_kit.server import Serving
from voicebox_metering.revocations import open_follow

from voicebox_gateway import origins
from voicebox_gateway.openai.services import connected

from . import foreign_pages, routes, server
from .settings import read


def addresses(env: Mapping[str, str]) -> Mapping[str, str]:
    """What web will listen on, by variable."""
    settings = read(env)
    return {"WEB_ADDRESS": settings.address}


@asynccontextmanager
async def open_service(env: Mapping[str, str]) -> AsyncIterator[Serving]:
    """Serve what the gateway sends here, as a client of tts, asr, catalog and jobs, which may start before or after it.

    Raises StartError when a variable does not fit or the address is taken.
    """
    settings = read(env)
    authentication = settings.authentication.open()
    async with (
        connected(settings.addresses, authentication) as services,
        open_follow(settings.accounts_address, authentication, Background(CollectorRegistry())) as follow,
    ):
        open_calls = OpenCalls()
        app = foreign_pages.WithoutForeignPages(
            routes.app(services, settings.max_sessions, authentication, open_calls),
            hosts.pattern(settings.hosts),
            origins.pattern(settings.origins),
        )
        async with (
            follow(open_calls),
            server.serving("web", app, settings.address, settings.grace_seconds, authentication.tls) as serving,
        ):
            yield serving
