"""Puts the asr service together: the only place where its parts meet."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial

import grpc
from prometheus_client import CollectorRegistry
from voicebox.asr.v1 import asr_pb2_grpc
from voicebox.models.v1 import models_pb2_grpc
from voicebox_kit import plugins
from voicebox_kit.permits import Permits
from voicebox_kit.server import Service, Serving, serving
from voicebox_models.models import Models
from voicebox_models.servicer import MODEL_SERVICE, ModelServicer
from voicebox_sound.decoder import open_decoder

from .engine import Engine
from .recognition import Recognizer
from .servicer import SpeechToTextServicer
from .settings import Settings

ENGINES = "voicebox.asr.engines"
NAMES = ("voicebox.asr.v1.SpeechToTextService", MODEL_SERVICE)

log = logging.getLogger(__name__)


@asynccontextmanager
async def open_service(env: Mapping[str, str]) -> AsyncIterator[Serving]:
    """The asr service, serving until the block ends."""
    settings = Settings.read(env)
    registry = CollectorRegistry()
    engine: Engine = plugins.load(ENGINES, settings.engine)(settings.device)
    with ThreadPoolExecutor(settings.streams + 2, thread_name_prefix="asr") as executor:
        async with open_decoder() as decoder:
            models = Models([engine], executor)
            recognizer = Recognizer(engine, executor, Permits(settings.streams, settings.queue, registry), registry)
            service = Service(
                names=NAMES,
                address=settings.address,
                metrics_address=settings.metrics_address,
                register=partial(_register, SpeechToTextServicer(recognizer, decoder, settings.idle_seconds), ModelServicer(models)),
                load=partial(_load, engine, executor),
                registry=registry,
            )
            try:
                async with serving("asr", service, settings.grace_seconds) as running:
                    yield running
            finally:
                await asyncio.get_running_loop().run_in_executor(executor, engine.unload)


async def _load(engine: Engine, executor: Executor) -> None:
    await asyncio.get_running_loop().run_in_executor(executor, engine.load)
    log.info("engine %s is loaded on %s, model %s", engine.name, engine.device, engine.model.name)


def _register(speech: SpeechToTextServicer, models: ModelServicer, server: grpc.aio.Server) -> None:
    asr_pb2_grpc.add_SpeechToTextServiceServicer_to_server(speech, server)
    models_pb2_grpc.add_ModelServiceServicer_to_server(models, server)
