"""Puts a worker together: it takes jobs from the queue, and runs them until its process ends."""

import asyncio
import logging
import os
import signal
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry
from voicebox_blobs.stores import open_blobs
from voicebox_kit.background import Background
from voicebox_kit.metrics import metrics_server
from voicebox_kit.open_calls import OpenCalls
from voicebox_kit.server import Endpoint, Serving
from voicebox_metering.revocations import open_follow
from voicebox_sql.clock import now_us

from .job_type import Types, installed_types
from .peers.all import open_peers
from .running.metrics import Metrics
from .running.queue import Queue, queue_url
from .running.runner import StepRunner
from .running.worker import Worker
from .settings import BLOB_URL, Settings
from .store.executors import ExecutorStore
from .store.opening import open_database
from .store.runs import RunStore

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
    with (
        open_blobs(settings.blob_url, settings.s3, settings.folder, BLOB_URL, alone=False) as blobs,
        metrics_server(settings.worker_metrics_address, "JOBS_WORKER_METRICS_ADDRESS", registry) as metrics_address,
    ):
        authentication, background, calls = settings.authentication.open(), Background(registry), OpenCalls()
        async with (
            open_database(settings.database_url, settings.pool) as database,
            open_peers(settings.peers, authentication) as peers,
            open_follow(settings.peers.accounts, authentication, background) as follow,
            follow(calls),
        ):
            runs = RunStore(database, executor, now_us)
            runner = StepRunner(runs, types, blobs, peers, folder, Metrics(registry), calls)
            queue = Queue(queue_url(settings.queue_url, settings.database_url), executor, settings.concurrency)
            lease_us = round(settings.lease_seconds * 1e6)
            worker = Worker(
                runs, ExecutorStore(database, lease_us, now_us), runner, queue, executor, settings.lease_seconds, news
            )
            serving = Serving("jobs-worker", (Endpoint("jobs-worker metrics", metrics_address),))
            async with worker.running(background, serving.ended):
                log.info("worker %s of process %d runs jobs", executor, os.getpid())
                yield serving


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
