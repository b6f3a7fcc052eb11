"""Puts the catalog together: the only place where its parts meet."""

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from functools import partial
from importlib import resources

from prometheus_client import CollectorRegistry
from voicebox.catalog.v1 import catalog_pb2_grpc
from voicebox_audio.decoding.decoder import Decoder, open_decoder
from voicebox_audio.errors import DecoderUnavailable
from voicebox_blobs.blobs import Blobs
from voicebox_blobs.stores import is_local, open_blobs
from voicebox_blobs.verified import VerifiedBlobs
from voicebox_kit.audit import AuditLog
from voicebox_kit.background import Background
from voicebox_kit.errors import StartError
from voicebox_kit.folders import own_folder
from voicebox_kit.server import Service, Serving, serving
from voicebox_metering.revocations import open_follow
from voicebox_sql.clock import now_us
from voicebox_sql.database import Database
from voicebox_sql.leases import Leases

from .api.generations import Generations
from .api.lexicons import Lexicons
from .api.owners import Owners
from .api.profile_archives import ProfileArchives
from .api.profile_reference import References
from .api.profiles import Profiles
from .api.retention import Retention
from .api.samples import ProfileSamples
from .api.servicer import CatalogServicer
from .api.transcriptions import Transcriptions
from .profiles.pictures import Pictures
from .samples.recordings import Recordings
from .settings import BLOB_URL, Settings
from .store.generations import GenerationStore
from .store.lexicons import LexiconStore
from .store.opening import open_database
from .store.owners import OwnerStore
from .store.profiles import ProfileStore
from .store.retention import RetentionStore
from .store.samples import SampleStore
from .store.tables import Lease
from .store.transcriptions import TranscriptionStore
from .upkeep import store_copy
from .upkeep.storage_check import watch_storage
from .upkeep.sweep import Sweep, sweeping

NAME = "voicebox.catalog.v1.CatalogService"


def addresses(env: Mapping[str, str]) -> Mapping[str, str]:
    """What catalog will listen on, by variable."""
    settings = Settings.read(env)
    return {"CATALOG_ADDRESS": settings.address, "CATALOG_METRICS_ADDRESS": settings.metrics_address}


@asynccontextmanager
async def open_service(env: Mapping[str, str]) -> AsyncIterator[Serving]:
    """The catalog service, serving until the block ends."""
    settings, registry = Settings.read(env), CollectorRegistry()
    opened = open_blobs(settings.blob_url, settings.s3, settings.folder, BLOB_URL, registry=registry)
    with _folder(settings), opened as stored:
        blobs, authentication = VerifiedBlobs(stored), settings.authentication.open()
        background = Background(registry)
        async with (
            open_database(settings.database_url, settings.pool) as database,
            _open_decoder() as decoder,
            open_follow(settings.accounts_address, authentication, background) as follow,
        ):
            database.measure(registry)
            await store_copy.refuse_unfinished(database)
            service = _service(settings, blobs, database, decoder, registry, background)
            audit = AuditLog(settings.audit, registry) if authentication.is_on else None
            service = replace(service, authentication=authentication, follow=follow, audit=audit)
            sweep = _sweep(settings, blobs, database)
            async with (
                serving("catalog", service, settings.grace_seconds) as running,
                sweeping(sweep, background),
                background.running("storage", partial(watch_storage, database, blobs), is_vital=True),
            ):
                yield running


def _folder(settings: Settings) -> AbstractContextManager[object]:
    """The folder of the database and the blobs, which is then ours alone; or only of scratch files, beside other
    replicas.
    """
    if is_local(settings.blob_url) or settings.database_url.startswith("sqlite"):
        return own_folder(settings.folder, "catalog")
    settings.folder.mkdir(parents=True, exist_ok=True)
    return nullcontext()


def _service(
    settings: Settings,
    blobs: Blobs,
    database: Database,
    decoder: Decoder,
    registry: CollectorRegistry,
    background: Background,
) -> Service:
    profiles, generations = ProfileStore(database), GenerationStore(database)
    recordings = Recordings(decoder, blobs, settings.folder, settings.decoders)
    pictures, limits = Pictures(registry), settings.sample_limits
    servicer = CatalogServicer(
        Profiles(profiles, blobs, pictures, now_us, settings.undelete_days),
        ProfileArchives(profiles, blobs, recordings, pictures, now_us, settings.folder, limits),
        ProfileSamples(SampleStore(database), blobs, recordings, now_us, limits),
        References(profiles, recordings, limits, requires_consent=settings.requires_consent),
        Generations(generations, blobs, now_us, settings.generation_bytes),
        Transcriptions(TranscriptionStore(database), blobs, now_us),
        _retention(blobs, database),
        Lexicons(LexiconStore(database), now_us),
        Owners(OwnerStore(database), profiles, generations, TranscriptionStore(database), blobs),
    )
    return Service(
        names=(NAME,),
        contract=(resources.files("voicebox") / "descriptors.binpb").read_bytes(),
        address=settings.address,
        metrics_address=settings.metrics_address,
        register=partial(catalog_pb2_grpc.add_CatalogServiceServicer_to_server, servicer),
        load=_nothing,
        registry=registry,
        background=background,
    )


@asynccontextmanager
async def _open_decoder() -> AsyncIterator[Decoder]:
    try:
        async with open_decoder() as decoder:
            yield decoder
    except DecoderUnavailable as error:
        raise StartError(error.sentence) from error


def _retention(blobs: Blobs, database: Database) -> Retention:
    return Retention(RetentionStore(database), GenerationStore(database), TranscriptionStore(database), blobs, now_us)


def _sweep(settings: Settings, blobs: Blobs, database: Database) -> Sweep:
    """A replica that goes away without a word is followed by another after one more round."""
    leases = Leases(database, Lease, str(uuid.uuid4()), 2 * settings.sweep_seconds, now_us)
    return Sweep(
        leases, _retention(blobs, database), ProfileStore(database), blobs, database, settings.sweep_seconds, now_us
    )


async def _nothing() -> None:
    """The catalog has nothing to load: its database is open before it listens."""
