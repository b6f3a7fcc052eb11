"""Puts the conversion service together: the only module where its parts meet."""

from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from functools import partial
from importlib import resources

import grpc
from prometheus_client import CollectorRegistry
from voicebox.conversion.v1 import conversion_pb2_grpc
from voicebox.models.v1 import models_pb2_grpc
from voicebox_audio.decoding.decoder import open_decoder
from voicebox_blobs.stores import is_local, open_blobs
from voicebox_blobs.verified import VerifiedBlobs
from voicebox_kit.audit import AuditLog
from voicebox_kit.background import Background
from voicebox_kit.channels import open_channel
from voicebox_kit.folders import own_folder
from voicebox_kit.permits import Permits
from voicebox_kit.server import Service, Serving, serving
from voicebox_metering.meter import open_meter
from voicebox_models.choosing import Chosen, choose
from voicebox_models.device_leases.serving import ServingLeases
from voicebox_models.engine import Setup
from voicebox_models.models import Models
from voicebox_models.servicer import MODEL_SERVICE, ModelServicer
from voicebox_sql.clock import now_us

from .api.servicer import ConversionServicer
from .api.voice_models import VoiceModelServicer
from .conversion.converter import Converter
from .engine import Engine
from .peers.catalog import Catalog
from .settings import BLOB_URL, Settings
from .store.opening import open_database
from .store.sweep import sweep_for_ever
from .store.voice_models import VoiceModelStore
from .voices.resolver import VoiceResolver

ENGINES = "voicebox.conversion.engines"
NAMES = (
    "voicebox.conversion.v1.ConversionService",
    "voicebox.conversion.v1.VoiceModelService",
    MODEL_SERVICE,
)
CHANNEL_OPTIONS = (("grpc.max_reconnect_backoff_ms", 2_000),)
"""A catalog that was away for long is noticed soon after it is back; gRPC's own backoff grows to two minutes."""


def addresses(env: Mapping[str, str]) -> Mapping[str, str]:
    """What conversion will listen on, by variable."""
    settings = Settings.read(env)
    return {"CONVERSION_ADDRESS": settings.address, "CONVERSION_METRICS_ADDRESS": settings.metrics_address}


@asynccontextmanager
async def open_service(env: Mapping[str, str]) -> AsyncIterator[Serving]:
    """The conversion service, serving until the block ends."""
    settings = Settings.read(env)
    registry = CollectorRegistry()
    background = Background(registry)
    setup = Setup(
        settings.device,
        "auto",
        settings.models_folder,
        hub=settings.hub,
        packaged=settings.packaged,
        options={"device": settings.device},
    )
    chosen: Chosen[Engine] = choose(ENGINES, settings.engines, setup)
    streams = settings.streams or chosen.concurrency(chosen.default.engine)
    with (
        _folder(settings),
        open_blobs(settings.blob_url, settings.s3, settings.folder, BLOB_URL, registry=registry) as stored,
        ThreadPoolExecutor(streams + 2, thread_name_prefix="conversion") as executor,
        ThreadPoolExecutor(4, "models") as model_executor,
    ):
        blobs = VerifiedBlobs(stored)
        models = Models(
            "conversion",
            tuple(chosen.families.values()),
            chosen.default,
            model_executor,
            registry,
            settings.model_limits,
            missing=chosen.missing,
            leases=ServingLeases(settings.sharing, "conversion", registry, settings.device_bytes),
        )
        authentication = settings.authentication.open()
        async with (
            models.running(background),
            open_channel(settings.catalog_address, authentication, CHANNEL_OPTIONS) as channel,
            open_database(settings.database_url, settings.pool) as database,
            open_decoder() as decoder,
            open_meter("conversion", settings.metering, authentication, registry, background, model_executor) as meter,
        ):
            database.measure(registry)
            store = VoiceModelStore(database)
            voices = VoiceResolver(
                models,
                store,
                blobs,
                Catalog(channel),
                executor,
                settings.folder,
                settings.voice_bytes,
                requires_consent=settings.requires_consent,
            )
            permits = Permits(streams, settings.queue, registry)
            converter = Converter(models, voices, store, executor, permits, registry, now_us, meter.work)
            service = Service(
                names=NAMES,
                contract=(resources.files("voicebox") / "descriptors.binpb").read_bytes(),
                address=settings.address,
                metrics_address=settings.metrics_address,
                register=partial(
                    _register,
                    ConversionServicer(converter, decoder, settings.idle_seconds),
                    VoiceModelServicer(
                        store, blobs, voices.engine_of, partial(_expectations, models), now_us, settings.folder
                    ),
                    ModelServicer(models, meter.work),
                ),
                load=partial(models.load_default, chosen.others),
                registry=registry,
                background=background,
                authentication=authentication,
                audit=AuditLog(settings.audit, registry) if authentication.is_on else None,
                follow=meter.follow,
            )
            async with (
                serving("conversion", service, settings.grace_seconds) as running,
                background.running("sweep", partial(sweep_for_ever, blobs, store, now_us)),
            ):
                yield running


def _folder(settings: Settings) -> AbstractContextManager[object]:
    """The folder of the database and the blobs, which is then ours alone; or only of scratch files, beside other
    replicas.
    """
    if is_local(settings.blob_url) or settings.database_url.startswith("sqlite"):
        return own_folder(settings.folder, "conversion")
    settings.folder.mkdir(parents=True, exist_ok=True)
    return nullcontext()


def _expectations(models: Models[Engine], name: str) -> Sequence[str]:
    """What to expect of an engine's voices; nothing is known of one that is not served."""
    return next((engine.expectations for engine in models.engines if engine.name == name), ())


def _register(
    conversion: ConversionServicer, voice_models: VoiceModelServicer, models: ModelServicer, server: grpc.aio.Server
) -> None:
    conversion_pb2_grpc.add_ConversionServiceServicer_to_server(conversion, server)
    conversion_pb2_grpc.add_VoiceModelServiceServicer_to_server(voice_models, server)
    models_pb2_grpc.add_ModelServiceServicer_to_server(models, server)
