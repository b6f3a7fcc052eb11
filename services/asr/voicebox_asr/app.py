"""Puts the asr service together: the only place where its parts meet."""

from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from importlib import resources

import grpc
from prometheus_client import CollectorRegistry
from voicebox.asr.v1 import asr_pb2_grpc
from voicebox.foreign.riva import riva_asr_pb2_grpc
from voicebox.models.v1 import models_pb2_grpc
from voicebox.openai.v1 import openai_pb2_grpc
from voicebox_kit import plugins
from voicebox_kit.permits import Permits
from voicebox_kit.server import Service, Serving, serving
from voicebox_models.choosing import Chosen, choose
from voicebox_models.engine import Setup
from voicebox_models.models import Models
from voicebox_models.servicer import MODEL_SERVICE, ModelServicer
from voicebox_sound.decoder import open_decoder

from .catalog import Catalog
from .engine import Engine
from .files import FileRecognizer
from .keeping import Keeping
from .openai import OpenAiTranscriptionServicer
from .recognition import Recognizer
from .riva import RIVA_SERVICE, RivaRecognitionServicer
from .servicer import SpeechToTextServicer
from .settings import Settings
from .space import Space
from .speakers import SpeakerEngine

ENGINES = "voicebox.asr.engines"
SPEAKERS = "voicebox.asr.speakers"
NAMES = ("voicebox.asr.v1.SpeechToTextService", MODEL_SERVICE, "voicebox.openai.v1.OpenAiTranscriptionService", RIVA_SERVICE)

CHANNEL_OPTIONS = (("grpc.max_reconnect_backoff_ms", 2_000),)
"""A catalog that was away for long is noticed soon after it is back; gRPC's own backoff grows to two minutes."""

PREFERRED = ("whisper", "pocketsphinx")
"""The engines that ASR_ENGINE=auto tries first: the first one that has a model here is the default."""

STREAMS = {"pocketsphinx": 2}
"""Calls that an engine hears at once, when ASR_STREAMS leaves it open: a core is busy with each of pocketsphinx's."""

BATCHED_STREAMS = 16
"""The same for an engine that decodes its callers' sound together."""


@asynccontextmanager
async def open_service(env: Mapping[str, str]) -> AsyncIterator[Serving]:
    """The asr service, serving until the block ends."""
    settings = Settings.read(env)
    registry = CollectorRegistry()
    setup = Setup(settings.device, settings.compute_type, settings.models_folder, hub=settings.hub)
    chosen: Chosen[Engine] = choose(ENGINES, settings.wish, setup, PREFERRED)
    streams = settings.streams or STREAMS.get(chosen.default.engine.name, BATCHED_STREAMS)
    speaker_engine: SpeakerEngine = plugins.load(SPEAKERS, settings.speaker_engine)()
    with ThreadPoolExecutor(streams + 2, thread_name_prefix="asr") as executor, ThreadPoolExecutor(4, "models") as model_executor:
        models = Models("asr", chosen.families, chosen.default, model_executor, registry, settings.model_limits)
        async with (
            models.running(),
            grpc.aio.insecure_channel(settings.catalog_address, CHANNEL_OPTIONS) as channel,
            open_decoder() as decoder,
        ):
            recognizer = Recognizer(models, executor, Permits(streams, settings.queue, registry), registry)
            space = Space()
            keeping = Keeping(Catalog(channel), space)
            files = FileRecognizer(recognizer, decoder, speaker_engine, keeping)
            speech = SpeechToTextServicer(recognizer, decoder, files, keeping, settings.idle_seconds)
            service = Service(
                names=NAMES,
                contract=(resources.files("voicebox") / "descriptors.binpb").read_bytes(),
                address=settings.address,
                metrics_address=settings.metrics_address,
                register=partial(
                    _register,
                    speech,
                    OpenAiTranscriptionServicer(recognizer, decoder, space),
                    RivaRecognitionServicer(speech, models, settings.idle_seconds),
                    ModelServicer(models),
                ),
                load=models.load_default,
                registry=registry,
            )
            async with serving("asr", service, settings.grace_seconds) as running:
                yield running


def _register(
    speech: SpeechToTextServicer,
    openai: OpenAiTranscriptionServicer,
    riva: RivaRecognitionServicer,
    models: ModelServicer,
    server: grpc.aio.Server,
) -> None:
    asr_pb2_grpc.add_SpeechToTextServiceServicer_to_server(speech, server)
    openai_pb2_grpc.add_OpenAiTranscriptionServiceServicer_to_server(openai, server)
    riva_asr_pb2_grpc.add_RivaSpeechRecognitionServicer_to_server(riva, server)
    models_pb2_grpc.add_ModelServiceServicer_to_server(models, server)
