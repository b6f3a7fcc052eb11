"""Puts a worker together: it takes jobs from the queue, and runs them until its process ends."""

import asyncio
import logging
import os
import signal
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from prometheus_client import CollectorRegistry
from voicebox_blobs.stores import open_blobs
from voicebox_kit.background import Background
from voicebox_kit.errors import StartError
from voicebox_kit.metrics import describe_process, metrics_server
from voicebox_kit.open_calls import OpenCalls
from voicebox_kit.server import Endpoint, Serving
from voicebox_metering.revocations import open_follow
from voicebox_sql.clock import now_us

from .devices.devices import Devices
from .devices.metrics import DeviceMetrics
from .job_type import Types, installed_types
from .peers.accounts import Accounts, open_accounts
from .peers.all import open_peers
from .running.dispatcher import Dispatcher
from .running.kubernetes import PodJobs
from .running.metrics import Metrics
from .running.one_job import OneJob
from .running.queue import Queue, queue_url
from .running.runner import StepRunner
from .running.usage import deliver_usage
from .running.worker import Retention, Worker
from .settings import BLOB_URL, Settings
from .store.executors import ExecutorStore
from .store.opening import open_database
from .store.runs import RunStore
from .store.usage import UsageStore

log = logging.getLogger(__name__)

EXECUTOR = "JOBS_EXECUTOR"
"""Set by the service for the worker that it starts; else each process draws its own."""


def addresses(env: Mapping[str, str]) -> Mapping[str, str]:
    """What a worker will listen on, by variable."""
    return {"JOBS_WORKER_METRICS_ADDRESS": Settings.read(env).worker_metrics_address}


@asynccontextmanager
async def open_service(env: Mapping[str, str]) -> AsyncIterator[Serving]:
    """A worker, until the block ends."""
    async with open_worker(env, installed_types()) as serving:
        yield serving


@asynccontextmanager
async def open_worker(env: Mapping[str, str], types: Types) -> AsyncIterator[Serving]:
    """A worker of these types of jobs."""
    settings, executor = Settings.read(env), env.get(EXECUTOR) or str(uuid.uuid4())
    news = asyncio.Event()
    if EXECUTOR in env:
        _listen_to_parent(news)
    folder = settings.folder / "work"
    folder.mkdir(parents=True, exist_ok=True)
    registry = CollectorRegistry()
    describe_process(registry, "jobs-worker")
    with (
        open_blobs(settings.blob_url, settings.s3, settings.folder, BLOB_URL, alone=False, registry=registry) as blobs,
        metrics_server(settings.worker_metrics_address, "JOBS_WORKER_METRICS_ADDRESS", registry) as metrics_address,
    ):
        authentication, background, calls = settings.authentication.open(), Background(registry), OpenCalls()
        async with (
            open_database(settings.database_url, settings.pool) as database,
            open_peers(settings.peers, authentication) as peers,
            open_follow(settings.peers.accounts, authentication, background) as follow,
            open_accounts(settings.peers.accounts, authentication) as accounts,
            _delivering(UsageStore(database), accounts, background),
            follow(calls),
        ):
            database.measure(registry)
            runs = RunStore(database, executor, now_us)
            devices = Devices(settings.device_settings, DeviceMetrics(registry))
            steps = StepRunner(runs, types, blobs, peers, folder, Metrics(registry), calls, devices)
            queue = _queue(settings, executor)
            runner: StepRunner | Dispatcher = steps
            if settings.cluster and not settings.only:
                runner = Dispatcher(steps, runs, PodJobs(settings.cluster), _of_pods(env))
            lease_us = round(settings.lease_seconds * 1e6)
            executors = ExecutorStore(database, lease_us, now_us)
            retention = Retention(timedelta(days=settings.retention_days), settings.sweep_seconds)
            worker = Worker(runs, executors, runner, queue, devices, executor, settings.lease_seconds, retention, news)
            serving = Serving("jobs-worker", (Endpoint("jobs-worker metrics", metrics_address),))
            async with worker.running(background, serving.ended):
                log.info("worker %s of process %d runs jobs", executor, os.getpid())
                yield serving
            if isinstance(queue, OneJob) and not queue.is_over:  # so that Kubernetes does not think it is done
                raise StartError(f"The run {settings.only} has not ended: it goes on in another pod.")


@asynccontextmanager
async def _delivering(store: UsageStore, accounts: Accounts | None, background: Background) -> AsyncIterator[None]:
    """Without authentication nothing counts."""
    if accounts is None:
        yield
        return
    async with background.running("usage", partial(deliver_usage, store, accounts.record)):
        yield


def _queue(settings: Settings, executor: str) -> Queue | OneJob:
    if settings.only:
        return OneJob(settings.only)
    url = queue_url(settings.queue_url, settings.database_url)
    return Queue(url, executor, settings.concurrency, in_pods=settings.cluster is not None)


def _of_pods(env: Mapping[str, str]) -> Mapping[str, str]:
    """Variables of this process that its pods must have, too."""
    return {name: env[name] for name in ("VOICEBOX_AUTH", "VOICEBOX_SIGNING_KEYS") if name in env}


def _listen_to_parent(news: asyncio.Event) -> None:
    """The service writes to the standard input when there is a new job; when it ends, however it does, this process
    stops as by SIGTERM.
    """
    loop = asyncio.get_running_loop()

    def readable() -> None:
        if os.read(0, 4096):
            news.set()
        else:
            loop.remove_reader(0)
            os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(0, readable)
