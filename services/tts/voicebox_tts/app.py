"""Puts the tts service together: the only place where its parts meet."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from importlib import resources

import grpc
from prometheus_client import CollectorRegistry
from voicebox.foreign.google import texttospeech_v1_pb2_grpc
from voicebox.foreign.riva import riva_tts_pb2_grpc
from voicebox.models.v1 import models_pb2_grpc
from voicebox.openai.v1 import openai_pb2_grpc
from voicebox.tts.v1 import tts_pb2_grpc
from voicebox_kit import plugins
from voicebox_kit.errors import StartError
from voicebox_kit.folders import own_folder
from voicebox_kit.permits import Permits
from voicebox_kit.server import Service, Serving, serving
from voicebox_models.family import Only
from voicebox_models.models import Default, Models
from voicebox_models.servicer import MODEL_SERVICE, ModelServicer
from voicebox_sound.decoder import open_decoder

from .casting import Casting
from .catalog import Catalog
from .engine import Engine
from .google import GOOGLE_SERVICE, GoogleSpeechServicer
from .history import History
from .openai import OpenAiSpeechServicer
from .prompts import Prompts
from .riva import RIVA_SERVICE, RivaSpeechServicer
from .roster import Roster
from .servicer import TextToSpeechServicer
from .settings import Settings
from .spool import Spool
from .synthesis import Synthesizer

ENGINES = "voicebox.tts.engines"
NAMES = ("voicebox.tts.v1.TextToSpeechService", MODEL_SERVICE, "voicebox.openai.v1.OpenAiSpeechService", RIVA_SERVICE, GOOGLE_SERVICE)
CHANNEL_OPTIONS = (("grpc.max_reconnect_backoff_ms", 2_000),)
"""A catalog that was away for long is noticed soon after it is back; gRPC's own backoff grows to two minutes."""

log = logging.getLogger(__name__)


@asynccontextmanager
async def open_service(env: Mapping[str, str]) -> AsyncIterator[Serving]:
    """The tts service, serving until the block ends."""
    settings = Settings.read(env)
    registry = CollectorRegistry()
    engines: list[Engine] = [plugins.load(ENGINES, settings.engine)(settings.device)]
    engines += [plugins.load(ENGINES, name)("auto") for name in settings.more_engines]
    with own_folder(settings.spool, "tts"), ThreadPoolExecutor(settings.streams + 4, thread_name_prefix="tts") as executor:
        spool = _open_spool(settings)
        async with grpc.aio.insecure_channel(settings.catalog_address, CHANNEL_OPTIONS) as channel, open_decoder() as decoder:
            models = Models("tts", [Only(engine) for engine in engines], Default(engines[0]), executor, registry)
            catalog = Catalog(channel)
            roster = Roster(models, executor)
            prompts = Prompts(catalog, decoder, executor, settings.prompt_cache_bytes, registry)
            history = History(spool, catalog, executor, registry)
            permits = Permits(settings.streams, settings.queue, registry)
            synthesizer = Synthesizer(Casting(roster, prompts), history, permits, executor, registry)
            speech = TextToSpeechServicer(synthesizer, roster, settings)
            service = Service(
                names=NAMES,
                contract=(resources.files("voicebox") / "descriptors.binpb").read_bytes(),
                address=settings.address,
                metrics_address=settings.metrics_address,
                register=partial(
                    _register,
                    speech,
                    OpenAiSpeechServicer(synthesizer, roster),
                    RivaSpeechServicer(speech, roster),
                    GoogleSpeechServicer(speech, roster),
                    ModelServicer(models),
                ),
                load=partial(_load, models.default, executor),
                registry=registry,
            )
            try:
                async with history.delivering():
                    async with serving("tts", service, settings.grace_seconds) as running:
                        yield running
                    await permits.idle()  # streams that the grace cut short still keep their records
            finally:
                for engine in engines:
                    await asyncio.get_running_loop().run_in_executor(executor, engine.unload)


def _open_spool(settings: Settings) -> Spool:
    try:
        return Spool(settings.spool, settings.spool_bytes)
    except OSError as error:
        raise StartError(f"The spool folder {settings.spool} cannot be used: {error.strerror}.") from error


def _register(
    speech: TextToSpeechServicer,
    openai: OpenAiSpeechServicer,
    riva: RivaSpeechServicer,
    google: GoogleSpeechServicer,
    models: ModelServicer,
    server: grpc.aio.Server,
) -> None:
    tts_pb2_grpc.add_TextToSpeechServiceServicer_to_server(speech, server)
    openai_pb2_grpc.add_OpenAiSpeechServiceServicer_to_server(openai, server)
    riva_tts_pb2_grpc.add_RivaSpeechSynthesisServicer_to_server(riva, server)
    texttospeech_v1_pb2_grpc.add_TextToSpeechServicer_to_server(google, server)
    models_pb2_grpc.add_ModelServiceServicer_to_server(models, server)


async def _load(engine: Engine, executor: Executor) -> None:
    await asyncio.get_running_loop().run_in_executor(executor, engine.load)
    log.info("engine %s is loaded on %s, model %s, voice %s", engine.name, engine.device, engine.model.name, engine.default_voice)
