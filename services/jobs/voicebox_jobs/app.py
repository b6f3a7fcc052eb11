"""Puts jobs together: the only place where its parts meet."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from importlib import resources

from prometheus_client import CollectorRegistry
from voicebox.jobs.v1 import jobs_pb2_grpc
from voicebox_audio.decoding.decoder import Decoder, open_decoder
from voicebox_audio.errors import DecoderUnavailable
from voicebox_blobs.blobs import Blobs
from voicebox_blobs.stores import open_blobs
from voicebox_kit.audit import AuditLog
from voicebox_kit.background import Background
from voicebox_kit.errors import StartError
from voicebox_kit.folders import own_folder
from voicebox_kit.permits import Permits
from voicebox_kit.server import Service, Serving, serving
from voicebox_metering.revocations import open_follow
from voicebox_sql.clock import now_us
from voicebox_sql.database import Database
from voicebox_sql.leases import Leases

from .api.inputs import Inputs
from .api.jobs import Jobs
from .api.owners import Owners
from .api.servicer import JobServicer
from .api.watchers import Watchers
from .api.watching import Watching
from .inputs.check import Checker
from .job_type import installed_types
from .peers.accounts import Accounts, open_accounts
from .settings import BLOB_URL, Settings
from .store.events import EventStore
from .store.executors import ExecutorStore
from .store.inputs import InputStore, Upkeep
from .store.jobs import JobStore
from .store.opening import open_database
from .store.tables import Lease
from .upkeep.sweep import sweep
from .worker_process import WorkerProcess

NAME = "voicebox.jobs.v1.JobService"
DAY_US = 86_400 * 1_000_000
CHECKS, WAITING_CHECKS = 2, 64
"""Uploads that are decoded at a time, and that wait for it."""


def addresses(env: Mapping[str, str]) -> Mapping[str, str]:
    """What jobs will listen on, by variable."""
    settings = Settings.read(env)
    own = {"JOBS_ADDRESS": settings.address, "JOBS_METRICS_ADDRESS": settings.metrics_address}
    return {**own, "JOBS_WORKER_METRICS_ADDRESS": settings.worker_metrics_address} if settings.starts_worker else own


@asynccontextmanager
async def open_service(env: Mapping[str, str]) -> AsyncIterator[Serving]:
    """The jobs service with its worker, serving until the block ends."""
    settings, registry = Settings.read(env), CollectorRegistry()
    with (
        own_folder(settings.folder, "jobs"),
        open_blobs(settings.blob_url, settings.s3, settings.folder, BLOB_URL, alone=False, registry=registry) as blobs,
    ):
        authentication, background = settings.authentication.open(), Background(registry)
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            database = await enter(open_database(settings.database_url, settings.pool))
            database.measure(registry)
            decoder = await enter(_open_decoder())
            accounts = await enter(open_accounts(settings.peers.accounts, authentication))
            watchers = Watchers(EventStore(database))
            worker = WorkerProcess(env, ExecutorStore(database, round(settings.lease_seconds * 1e6), now_us))
            service = _service(settings, blobs, database, decoder, accounts, watchers, worker, registry)
            follow = await enter(open_follow(settings.peers.accounts, authentication, background))
            service = replace(
                service,
                background=background,
                authentication=authentication,
                follow=follow,
                audit=AuditLog(settings.audit, registry) if authentication.is_on else None,
            )
            await enter(background.running("events", watchers.follow))
            await enter(background.running("sweep", partial(_sweep, settings, database, blobs)))
            if settings.starts_worker:
                await enter(background.running("worker", worker.run))
            yield await enter(serving("jobs", service, settings.grace_seconds))


def _service(
    settings: Settings,
    blobs: Blobs,
    database: Database,
    decoder: Decoder,
    accounts: Accounts | None,
    watchers: Watchers,
    worker: WorkerProcess,
    registry: CollectorRegistry,
) -> Service:
    retention_us, types = settings.retention_days * DAY_US, installed_types()
    sharing = settings.device_settings.sharing
    jobs = JobStore(database, now_us)
    servicer = JobServicer(
        Jobs(jobs, blobs, types, settings.devices, sharing, accounts, retention_us, worker.nudge),
        Inputs(
            InputStore(database, now_us),
            blobs,
            Checker(decoder, blobs, Permits(CHECKS, WAITING_CHECKS, registry)),
            types,
            settings.max_input_bytes,
            retention_us,
        ),
        Watching(jobs, EventStore(database), watchers),
        Owners(Upkeep(database, now_us), blobs),
        jobs,
        blobs,
    )
    return Service(
        names=(NAME,),
        contract=(resources.files("voicebox") / "descriptors.binpb").read_bytes(),
        address=settings.address,
        metrics_address=settings.metrics_address,
        register=partial(jobs_pb2_grpc.add_JobServiceServicer_to_server, servicer),
        load=_nothing,
        registry=registry,
    )


@asynccontextmanager
async def _open_decoder() -> AsyncIterator[Decoder]:
    try:
        async with open_decoder() as decoder:
            yield decoder
    except DecoderUnavailable as error:
        raise StartError(error.sentence) from error


async def _sweep(settings: Settings, database: Database, blobs: Blobs) -> None:
    leases = Leases(database, Lease, str(uuid.uuid4()), 2 * settings.sweep_seconds, now_us)
    while True:
        await sweep(leases, Upkeep(database, now_us), blobs, settings.retention_days * DAY_US)
        await database.reserve_space()
        await asyncio.sleep(settings.sweep_seconds)


async def _nothing() -> None:
    """There is nothing to load: the database is open before jobs listens."""
