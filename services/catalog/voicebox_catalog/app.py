"""Puts the catalog together: the only place where its parts meet."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

from prometheus_client import CollectorRegistry
from voicebox.catalog.v1 import catalog_pb2_grpc
from voicebox_kit.errors import StartError
from voicebox_kit.folders import own_folder
from voicebox_kit.server import Service, Serving, serving
from voicebox_sound.decoder import Decoder, open_decoder
from voicebox_sound.errors import DecoderUnavailable

from . import orphans
from .blobs import Blobs, open_local_blobs
from .clock import now_us
from .database import Database, open_database
from .generation_store import GenerationStore
from .generations import Generations
from .profile_store import ProfileStore
from .profiles import Profiles
from .recordings import Recordings
from .samples import ProfileSamples
from .servicer import CatalogServicer
from .settings import Settings

NAME = "voicebox.catalog.v1.CatalogService"


@asynccontextmanager
async def open_service(env: Mapping[str, str]) -> AsyncIterator[Serving]:
    """The catalog service, serving until the block ends."""
    settings = Settings.read(env)
    with own_folder(settings.folder, "catalog"):
        blobs = open_local_blobs(settings.folder / "blobs")
        async with open_database(settings.database_url) as database, _open_decoder() as decoder:
            service = _service(settings, blobs, database, decoder)
            async with serving("catalog", service, settings.grace_seconds) as running, _sweeping(blobs, database):
                yield running


def _service(settings: Settings, blobs: Blobs, database: Database, decoder: Decoder) -> Service:
    profiles, generations = ProfileStore(database), GenerationStore(database)
    recordings = Recordings(decoder, blobs, settings.folder, settings.decoders)
    servicer = CatalogServicer(
        Profiles(profiles, blobs, now_us),
        ProfileSamples(profiles, blobs, recordings, now_us),
        Generations(generations, blobs, now_us, settings.generation_bytes),
    )
    return Service(
        names=(NAME,),
        address=settings.address,
        metrics_address=settings.metrics_address,
        register=partial(catalog_pb2_grpc.add_CatalogServiceServicer_to_server, servicer),
        load=_nothing,
        registry=CollectorRegistry(),
    )


@asynccontextmanager
async def _open_decoder() -> AsyncIterator[Decoder]:
    try:
        async with open_decoder() as decoder:
            yield decoder
    except DecoderUnavailable as error:
        raise StartError(error.sentence) from error


@asynccontextmanager
async def _sweeping(blobs: Blobs, database: Database) -> AsyncIterator[None]:
    """Blobs without a row are deleted in the background."""
    sweep = asyncio.create_task(orphans.sweep(blobs, ProfileStore(database), GenerationStore(database)))
    try:
        yield
    finally:
        sweep.cancel()
        await asyncio.gather(sweep, return_exceptions=True)


async def _nothing() -> None:
    """The catalog has nothing to load: its database is open before it listens."""
