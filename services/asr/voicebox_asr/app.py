"""Puts the asr service together: the only module where its parts meet."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from importlib import resources
from typing import cast

import grpc
from google.longrunning import operations_pb2_grpc
from prometheus_client import CollectorRegistry
from voicebox.asr.v1 import asr_pb2_grpc
from voicebox.catalog.v1 import catalog_pb2
from voicebox.compat.google import speech_v1_pb2_grpc, speech_v2_pb2_grpc
from voicebox.compat.openai.v1 import openai_pb2_grpc
from voicebox.compat.riva import riva_asr_pb2_grpc
from voicebox.models.v1 import models_pb2_grpc
from voicebox_audio.decoding.decoder import open_decoder
from voicebox_compat.service_alias import ServiceAlias
from voicebox_kit import plugins
from voicebox_kit.audit import AuditLog
from voicebox_kit.background import Background
from voicebox_kit.channels import open_channel
from voicebox_kit.disk_quota import DiskQuota
from voicebox_kit.folders import own_folder
from voicebox_kit.permits import Permits
from voicebox_kit.server import Service, Serving, serving
from voicebox_metering.meter import open_meter
from voicebox_models.adapters.registry import Adapters, adaptable, now
from voicebox_models.choosing import Chosen, choose
from voicebox_models.device_leases.serving import ServingLeases
from voicebox_models.engine import Setup
from voicebox_models.models import Models
from voicebox_models.servicer import MODEL_SERVICE, ModelServicer
from voicebox_outbox.outbox import Outbox
from voicebox_outbox.spool import open_spool

from .api.servicer import SpeechToTextServicer
from .compat.google.call import GoogleCall
from .compat.google.operation_store import Operations
from .compat.google.operations import OPERATIONS_SERVICE, GoogleOperationsServicer
from .compat.google.v1 import GOOGLE_BETA_SERVICE, GOOGLE_V1_SERVICE, GoogleSpeechV1Servicer
from .compat.google.v2 import GOOGLE_V2_SERVICE, GoogleSpeechV2Servicer
from .compat.openai.servicer import OpenAiTranscriptionServicer
from .compat.riva.servicer import RIVA_SERVICE, RivaRecognitionServicer
from .diarization.speaker_encoder import SpeakerEngine
from .engine import Engine
from .peers.catalog import Catalog, TranscriptionOutbox
from .peers.replicas import open_replicas
from .recognition.files import FILE_LIMITS, FileRecognizer
from .recognition.recognizer import Recognizer
from .records.recorder import Records
from .settings import Settings

ENGINES = "voicebox.asr.engines"
SPEAKERS = "voicebox.asr.speakers"
GOOGLE_SERVICES = (GOOGLE_V1_SERVICE, GOOGLE_V2_SERVICE, OPERATIONS_SERVICE)
NAMES = (
    "voicebox.asr.v1.SpeechToTextService",
    MODEL_SERVICE,
    "voicebox.compat.openai.v1.OpenAiTranscriptionService",
    RIVA_SERVICE,
    *GOOGLE_SERVICES,
)

QUOTA_BYTES = 768 * 1024 * 1024
"""On disk for the copies of audio that are recorded, and as much for the uploads of OpenAI's clients: three of the
largest files. Each volume in deploy/k8s has room for them.
"""

CHANNEL_OPTIONS = (("grpc.max_reconnect_backoff_ms", 2_000),)
"""A catalog that was away for long is noticed soon after it is back; gRPC's own backoff grows to two minutes."""


def addresses(env: Mapping[str, str]) -> Mapping[str, str]:
    """What asr will listen on, by variable."""
    settings = Settings.read(env)
    return {"ASR_ADDRESS": settings.address, "ASR_METRICS_ADDRESS": settings.metrics_address}


@asynccontextmanager
async def open_service(env: Mapping[str, str]) -> AsyncIterator[Serving]:
    """The asr service, serving until the block ends."""
    settings = Settings.read(env)
    registry = CollectorRegistry()
    background = Background(registry)
    options = {"threads": str(settings.threads)}
    setup = Setup(
        settings.device,
        settings.compute_type,
        settings.models_folder,
        hub=settings.hub,
        packaged=settings.packaged,
        options=options,
    )
    chosen: Chosen[Engine] = choose(ENGINES, settings.engines, setup)
    speaker_engine: SpeakerEngine = plugins.load(SPEAKERS, settings.speaker_engine)()

    def streams(engine: Engine) -> int:
        """How many calls are recognised at once when an engine is the default."""
        return settings.streams or chosen.concurrency(engine)

    threads = max(map(streams, (chosen.default.engine, *chosen.others)))
    with (
        own_folder(settings.spool, "asr"),
        ThreadPoolExecutor(threads + 2, thread_name_prefix="asr") as executor,
        ThreadPoolExecutor(4, "records") as record_executor,
        ThreadPoolExecutor(4, "models") as model_executor,
    ):
        models = Models(
            "asr",
            tuple(chosen.families.values()),
            chosen.default,
            model_executor,
            registry,
            settings.model_limits,
            missing=chosen.missing,
            leases=ServingLeases(settings.sharing, "asr", registry, settings.device_bytes),
        )
        authentication = settings.authentication.open()
        spool = open_spool(settings.spool, settings.spool_bytes)
        async with (
            models.running(background),
            open_channel(settings.catalog_address, authentication, CHANNEL_OPTIONS) as channel,
            open_replicas(settings.replicas, authentication) as replicas,
            open_decoder() as decoder,
            open_meter("asr", settings.metering, authentication, registry, background, record_executor) as meter,
        ):
            adapters = Adapters(settings.models_folder, adaptable(chosen.families), models, now)
            permits = Permits(streams(models.default), settings.queue, registry)
            recognizer = Recognizer(models, executor, permits, registry)
            outbox = Outbox("asr", spool, catalog_pb2.Transcription, Catalog(channel).record, record_executor, registry)
            records = Records(TranscriptionOutbox(outbox), DiskQuota(QUOTA_BYTES))
            files = FileRecognizer(recognizer, decoder, speaker_engine, records, meter.work)
            speech = SpeechToTextServicer(recognizer, decoder, files, records, settings.idle_seconds, meter.work)
            call, operations = GoogleCall(speech, models), Operations(streams(models.default), time.time)

            async def load() -> None:
                await models.load_default(chosen.others)
                running = streams(models.default)
                await asyncio.gather(permits.limit(running), operations.limit(running))

            service = Service(
                names=NAMES,
                contract=(resources.files("voicebox") / "descriptors.binpb").read_bytes(),
                address=settings.address,
                metrics_address=settings.metrics_address,
                register=partial(
                    _register,
                    speech,
                    OpenAiTranscriptionServicer(speech, models, DiskQuota(QUOTA_BYTES), FILE_LIMITS.max_bytes),
                    RivaRecognitionServicer(speech, models, settings.idle_seconds),
                    GoogleSpeechV1Servicer(call, speech, operations, settings.idle_seconds),
                    GoogleSpeechV1Servicer(call, speech, operations, settings.idle_seconds, is_beta=True),
                    GoogleSpeechV2Servicer(call, speech, operations, settings.idle_seconds),
                    GoogleOperationsServicer(operations, replicas),
                    ModelServicer(models, meter.work, adapters=adapters),
                ),
                load=load,
                registry=registry,
                background=background,
                authentication=authentication,
                audit=AuditLog(settings.audit, registry) if authentication.is_on else None,
                follow=meter.follow,
            )
            async with outbox.delivering(background):
                async with operations.running(), serving("asr", service, settings.grace_seconds) as running:
                    yield running
                await records.idle()


def _register(
    speech: SpeechToTextServicer,
    openai: OpenAiTranscriptionServicer,
    riva: RivaRecognitionServicer,
    google_v1: GoogleSpeechV1Servicer,
    google_beta: GoogleSpeechV1Servicer,
    google_v2: GoogleSpeechV2Servicer,
    google_operations: GoogleOperationsServicer,
    models: ModelServicer,
    server: grpc.aio.Server,
) -> None:
    asr_pb2_grpc.add_SpeechToTextServiceServicer_to_server(speech, server)
    openai_pb2_grpc.add_OpenAiTranscriptionServiceServicer_to_server(openai, server)
    riva_asr_pb2_grpc.add_RivaSpeechRecognitionServicer_to_server(riva, server)
    speech_v1_pb2_grpc.add_SpeechServicer_to_server(google_v1, server)
    beta = cast("grpc.aio.Server", ServiceAlias(server, GOOGLE_BETA_SERVICE))
    speech_v1_pb2_grpc.add_SpeechServicer_to_server(google_beta, beta)
    speech_v2_pb2_grpc.add_SpeechServicer_to_server(google_v2, server)
    operations_pb2_grpc.add_OperationsServicer_to_server(google_operations, server)
    models_pb2_grpc.add_ModelServiceServicer_to_server(models, server)
