"""Puts the tts service together: the only place where its parts meet."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from importlib import resources
from pathlib import Path
from typing import cast

import grpc
from prometheus_client import CollectorRegistry
from voicebox.catalog.v1 import catalog_pb2
from voicebox.compat.google import texttospeech_v1_pb2_grpc
from voicebox.compat.openai.v1 import openai_pb2_grpc
from voicebox.compat.riva import riva_tts_pb2_grpc
from voicebox.models.v1 import models_pb2_grpc
from voicebox.tts.v1 import tts_pb2_grpc
from voicebox_audio.decoding.decoder import open_decoder
from voicebox_blobs.stores import open_blobs
from voicebox_compat.service_alias import ServiceAlias
from voicebox_kit import plugins
from voicebox_kit.audit import AuditLog
from voicebox_kit.background import Background
from voicebox_kit.channels import open_channel
from voicebox_kit.folders import own_folder
from voicebox_kit.permits import Permits
from voicebox_kit.server import MAX_MESSAGE_BYTES, Service, Serving, serving
from voicebox_metering.meter import open_meter
from voicebox_models.adapters.registry import Adapters, adaptable, now
from voicebox_models.choosing import Chosen, choose
from voicebox_models.device_leases.serving import ServingLeases
from voicebox_models.engine import Setup
from voicebox_models.models import Models
from voicebox_models.servicer import MODEL_SERVICE, ModelServicer
from voicebox_outbox.outbox import Outbox
from voicebox_outbox.spool import open_spool

from .api.servicer import TextToSpeechServicer
from .compat.google.servicer import GOOGLE_BETA_SERVICE, GOOGLE_SERVICE, GoogleSpeechServicer
from .compat.openai.servicer import OpenAiSpeechServicer
from .compat.riva.servicer import RIVA_SERVICE, RivaSpeechServicer
from .content_credentials import ContentCredentials
from .engine import Engine
from .history.history import History
from .lexicons.resolver import LexiconResolver
from .peers.asr import SpeechCheck
from .peers.catalog import Catalog
from .prompts.folder import PromptFolder
from .prompts.resolver import PromptResolver
from .prompts.shared import SharedPrompts
from .prompts.store import PromptStore
from .settings import PROMPT_STORE, VOICE_ALIASES, Settings
from .synthesis.design import Designer
from .synthesis.detection import WatermarkDetector
from .synthesis.explanation import Explainer
from .synthesis.speakers import Casting
from .synthesis.synthesizer import Synthesizer
from .voices.aliases import VoiceAliases
from .voices.registry import VoiceRegistry
from .voices.resolver import Resolver
from .watermark import Watermark

ENGINES, WATERMARKS = "voicebox.tts.engines", "voicebox.tts.watermarks"
NAMES = (
    "voicebox.tts.v1.TextToSpeechService",
    MODEL_SERVICE,
    "voicebox.compat.openai.v1.OpenAiSpeechService",
    RIVA_SERVICE,
    GOOGLE_SERVICE,
)
CHANNEL_OPTIONS = (("grpc.max_reconnect_backoff_ms", 2_000), ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES))
"""A catalog that was away for long is noticed soon after it is back, where gRPC's own backoff grows to two minutes; and
a lexicon may have 4 MB.
"""


def addresses(env: Mapping[str, str]) -> Mapping[str, str]:
    """The addresses that tts will listen on, by variable."""
    settings = Settings.read(env)
    return {"TTS_ADDRESS": settings.address, "TTS_METRICS_ADDRESS": settings.metrics_address}


@asynccontextmanager
async def open_service(env: Mapping[str, str]) -> AsyncIterator[Serving]:
    """The tts service, serving until the block ends."""
    settings = Settings.read(env)
    registry = CollectorRegistry()
    options = {"chunk_frames": settings.chunk_frames, "streams": str(settings.streams)}
    setup = Setup(
        settings.device,
        settings.compute_type,
        settings.models_folder,
        hub=settings.hub,
        accepted_licences=settings.accepted_licences,
        packaged=settings.packaged,
        options=options,
    )
    chosen: Chosen[Engine] = choose(ENGINES, settings.engines, setup)
    credentials = ContentCredentials(*settings.c2pa) if settings.c2pa else None
    watermark: Watermark | None = plugins.load(WATERMARKS, settings.watermark)(setup) if settings.watermark else None

    def streams(engine: Engine) -> int:
        """How many utterances are made at once when an engine is the default."""
        return settings.streams or chosen.concurrency(engine)

    threads = max(map(streams, (chosen.default.engine, *chosen.others)))
    with (
        own_folder(settings.spool, "tts"),
        ThreadPoolExecutor(threads + 4, thread_name_prefix="tts") as executor,
        ThreadPoolExecutor(4, "models") as model_executor,
    ):
        models = Models(
            "tts",
            tuple(chosen.families.values()),
            chosen.default,
            model_executor,
            registry,
            settings.model_limits,
            missing=chosen.missing,
            leases=ServingLeases(settings.sharing, "tts", registry, settings.device_bytes),
        )
        authentication = settings.authentication.open()
        spool, background = open_spool(settings.spool, settings.spool_bytes), Background(registry)
        async with (
            models.running(background),
            open_channel(settings.catalog_address, authentication, CHANNEL_OPTIONS) as channel,
            open_channel(settings.asr_address, authentication, CHANNEL_OPTIONS) as asr_channel,
            open_decoder() as decoder,
            _open_shared_prompts(settings, registry) as shared,
            open_meter("tts", settings.metering, authentication, registry, background, executor) as meter,
        ):
            catalog = Catalog(channel)
            voices = VoiceRegistry(models, VoiceAliases.parse(settings.voice_aliases, VOICE_ALIASES))
            store = PromptStore(PromptFolder(settings.prompt_folder, settings.prompt_disk_bytes), shared, executor)
            prompts = PromptResolver(catalog, decoder, store, settings.prompt_cache_bytes, registry, settings.consent)
            outbox = Outbox("tts", spool, catalog_pb2.Generation, catalog.record, executor, registry)
            history = History(outbox, executor)
            adapters = Adapters(settings.models_folder, adaptable(chosen.families), models, now)
            permits = Permits(streams(models.default), settings.queue, registry)
            casting = Casting(Resolver(models, voices, prompts), LexiconResolver(catalog, registry), executor)
            synthesizer = Synthesizer(
                casting,
                history,
                SpeechCheck(asr_channel),
                permits,
                executor,
                registry,
                settings.patience_seconds,
                work=meter.work,
                watermark=watermark,
                succeeded=models.failures.succeeded,
            )
            explainer = Explainer(casting, permits, executor)
            designer = Designer(models, voices, permits, executor, meter.work, watermark)
            detector = WatermarkDetector(watermark, decoder, permits, executor)
            speech = TextToSpeechServicer(synthesizer, explainer, designer, detector, credentials, voices, settings)

            async def load() -> None:
                if watermark:
                    await asyncio.to_thread(watermark.load)
                await models.load_default(chosen.others)
                await permits.limit(streams(models.default))

            service = Service(
                names=NAMES,
                contract=(resources.files("voicebox") / "descriptors.binpb").read_bytes(),
                address=settings.address,
                metrics_address=settings.metrics_address,
                register=partial(
                    _register,
                    speech,
                    OpenAiSpeechServicer(speech, voices),
                    RivaSpeechServicer(speech, voices),
                    GoogleSpeechServicer(speech, voices),
                    ModelServicer(models, meter.work, (watermark,) if watermark else (), adapters),
                ),
                load=load,
                registry=registry,
                background=background,
                authentication=authentication,
                audit=AuditLog(settings.audit, registry) if authentication.is_on else None,
                follow=meter.follow,
            )
            async with outbox.delivering(background):
                async with serving("tts", service, settings.grace_seconds) as running:
                    yield running
                await permits.idle()  # streams that the grace period ended still write their records


@asynccontextmanager
async def _open_shared_prompts(settings: Settings, registry: CollectorRegistry) -> AsyncIterator[SharedPrompts | None]:
    if not settings.prompt_store:
        yield None
        return
    scratch = Path(tempfile.gettempdir())
    opened = open_blobs(settings.prompt_store, settings.s3, scratch, PROMPT_STORE, alone=False, registry=registry)
    with opened as blobs:
        shared = SharedPrompts(blobs)
        try:
            yield shared
        finally:
            await shared.written()


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
    beta = cast("grpc.aio.Server", ServiceAlias(server, GOOGLE_BETA_SERVICE))
    texttospeech_v1_pb2_grpc.add_TextToSpeechServicer_to_server(google, beta)
    models_pb2_grpc.add_ModelServiceServicer_to_server(models, server)
