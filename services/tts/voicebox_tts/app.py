"""Puts the tts service together: the only place where its parts meet."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from functools import partial

import grpc
from prometheus_client import CollectorRegistry
from voicebox.models.v1 import models_pb2_grpc
from voicebox.tts.v1 import tts_pb2_grpc
from voicebox_kit import plugins
from voicebox_kit.bridge import in_thread
from voicebox_kit.errors import StartError
from voicebox_kit.permits import Permits
from voicebox_kit.server import Service, Serving, serving
from voicebox_sound.decoder import open_decoder

from .casting import Casting
from .catalog import Catalog
from .engine import Engine, Style
from .history import History
from .models import ModelServicer
from .prompts import Prompts
from .roster import Roster
from .servicer import TextToSpeechServicer
from .settings import Settings
from .spool import Spool
from .synthesis import Synthesizer

ENGINES = "voicebox.tts.engines"
SERVICES = ("voicebox.tts.v1.TextToSpeechService", "voicebox.models.v1.ModelService")
WARM_UP = "Ready."

log = logging.getLogger(__name__)


@asynccontextmanager
async def open_service(env: Mapping[str, str]) -> AsyncIterator[Serving]:
    """The tts service, serving until the block ends."""
    settings = Settings.read(env)
    registry = CollectorRegistry()
    engines: list[Engine] = [plugins.load(ENGINES, name)() for name in (settings.engine, *settings.more_engines)]
    spool = _open_spool(settings)
    with ThreadPoolExecutor(settings.streams + 4, thread_name_prefix="tts") as executor:
        async with grpc.aio.insecure_channel(settings.catalog_address) as channel, open_decoder() as decoder:
            roster, catalog = Roster(engines, executor), Catalog(channel)
            prompts = Prompts(catalog, decoder, executor, settings.prompt_cache_bytes, registry)
            history = History(spool, catalog, executor, registry)
            permits = Permits(settings.streams, settings.queue, registry)
            synthesizer = Synthesizer(Casting(roster, prompts), history, permits, executor, registry)
            service = Service(
                names=SERVICES,
                address=settings.address,
                metrics_address=settings.metrics_address,
                register=partial(
                    _register, TextToSpeechServicer(synthesizer, roster, settings.ahead_seconds), ModelServicer(roster, settings.device)
                ),
                load=partial(_warm_up, roster, executor),
                registry=registry,
            )
            try:
                async with history.delivering(), serving("tts", service, settings.grace_seconds) as running:
                    yield running
            finally:
                for engine in engines:
                    await asyncio.get_running_loop().run_in_executor(executor, engine.unload)


def _open_spool(settings: Settings) -> Spool:
    try:
        return Spool(settings.spool, settings.spool_bytes)
    except OSError as error:
        raise StartError(f"The spool folder {settings.spool} cannot be used: {error.strerror}.") from error


def _register(speech: TextToSpeechServicer, models: ModelServicer, server: grpc.aio.Server) -> None:
    tts_pb2_grpc.add_TextToSpeechServiceServicer_to_server(speech, server)
    models_pb2_grpc.add_ModelServiceServicer_to_server(models, server)


async def _warm_up(roster: Roster, executor: Executor) -> None:
    """Load the default engine and speak a word with it, so that the first caller waits for nothing."""
    engine = roster.default
    await asyncio.get_running_loop().run_in_executor(executor, engine.load)
    log.info("default engine: %s, model %s, voice %s", engine.name, engine.model.name, engine.default_voice)
    session = engine.open(engine.default_voice, Style(), seed=0)
    async with aclosing(in_thread(session.speak(WARM_UP), executor)) as speech:
        async for _ in speech:
            pass
    session.close()
