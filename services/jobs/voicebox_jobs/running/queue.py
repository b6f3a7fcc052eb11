"""DBOS: which worker runs which job, and when. Its workflow calls the runner; it knows nothing of what jobs do.

A job's run is a workflow, `{job}.{run}`. Work that needs a device waits in the queue `devices`, whose partition is the
device: one job at a time on each. Jobs that say how much of a shared device they need wait in `shares` instead, where
the leases of the device decide; where it runs in pods of Kubernetes, it is handed over at once. Other work waits in
`light`.
"""

import asyncio
import concurrent.futures
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

import sqlalchemy
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer
from sqlalchemy.engine import URL, make_url
from voicebox_kit.errors import StartError

from voicebox_jobs.store.runs import NewRun

log = logging.getLogger(__name__)

DEVICES, SHARES, PODS, LIGHT = "devices", "shares", "pods", "light"
MAX_PODS = 32
"""Runs in pods that a worker follows at once; each takes a thread."""
MAX_SHARES = 8
"""Jobs that run, or wait for room, on one device at once."""
SCHEMA = "job_queue"
WORKFLOW = "run_job"
VERSION = "1"
"""Of the workflow below: a worker takes over only workflows of its own version."""
POLL_SECONDS = 0.2
NUMBERS = 10_000_000
"""Of jobs with one priority. Of equals DBOS takes the oldest, but in SQLite it knows their age by the second only. Its
numbers end at 2^31: where ours begin again, jobs that wait at that moment may change places, once.
"""
MAX_RECOVERIES = 1_000_000
"""Who is dead is decided by our own count, of deaths and not of restarts."""
BUSY_MS = 30_000
OVER = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
"""The states of a run that has ended, as DBOS calls them."""
FORGOTTEN = 200
"""Runs that are deleted at a time."""

T = TypeVar("T")


class Stopping(BaseException):
    """This worker stops, or has lost the job. DBOS records nothing of it, since it is no Exception: the workflow stays
    as it is, and another worker goes on with it.
    """


class Runner(Protocol):
    """Does the work, in the event loop."""

    async def begin(self, job_id: str, run: int) -> Sequence[str]:
        """The names of the job's steps; none when there is nothing to do."""
        ...

    async def step(self, job_id: str, run: int, name: str) -> bool:
        """Run a step; whether the job goes on."""
        ...

    async def finish(self, job_id: str, run: int) -> None:
        """All steps are completed."""
        ...


@dataclass(frozen=True)
class _Bridge:
    """From the threads of DBOS into the event loop."""

    loop: asyncio.AbstractEventLoop
    runner: Runner

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return asyncio.run_coroutine_threadsafe(work, self.loop).result()
        except concurrent.futures.CancelledError as error:
            raise Stopping from error
        except RuntimeError as error:
            if not self.loop.is_closed():
                raise
            work.close()
            raise Stopping from error


class Queue:
    """The queue of one worker process. DBOS is one for each process, and so is this."""

    is_shared = True
    """Other workers take of it, too."""
    _bridge: _Bridge | None = None

    def __init__(self, url: str, executor: str, concurrency: int, *, in_pods: bool = False) -> None:
        """`in_pods` where Kubernetes decides when work that needs a device runs."""
        self._in_pods, self._has_shares = in_pods, False
        self._url, self._executor, self._concurrency = make_url(url), executor, concurrency
        self._engine = sqlite_engine(self._url) if self._url.get_backend_name() == "sqlite" else None

    def open(self, loop: asyncio.AbstractEventLoop, runner: Runner) -> None:
        """Begin to run jobs. Blocking. Raises StartError when the database cannot be used."""
        Queue._bridge = _Bridge(loop, runner)
        config = DBOSConfig(
            name="voicebox-jobs",
            system_database_url=self._url.render_as_string(hide_password=False),
            dbos_system_schema=SCHEMA,
            application_version=VERSION,
            executor_id=self._executor,
            serializer=DBOSPortableJSONSerializer(),
            log_level="ERROR",
            notification_listener_polling_interval_sec=1.0,
        )
        if self._engine is not None:
            config["system_database_engine"] = self._engine
        try:
            DBOS(config=config)
            DBOS.listen_queues([PODS, LIGHT] if self._in_pods else [DEVICES, SHARES, LIGHT])  # each is polled
            DBOS.launch()
            if self._in_pods:
                DBOS.register_queue(PODS, worker_concurrency=MAX_PODS, polling_interval_sec=POLL_SECONDS)
            else:
                DBOS.register_queue(DEVICES, partition_concurrency=1, polling_interval_sec=POLL_SECONDS)
            DBOS.register_queue(LIGHT, worker_concurrency=self._concurrency, polling_interval_sec=POLL_SECONDS)
        except sqlalchemy.exc.SQLAlchemyError as error:
            raise StartError(f"The database of the queue cannot be used: {error}.") from error

    def close(self) -> None:
        """Take no more jobs. Blocking."""
        DBOS.destroy()
        if self._engine is not None:
            self._engine.dispose()

    def enqueue(self, new: NewRun, *, is_sized: bool) -> None:
        """Put a job into its queue; once, however often it is called. Of equal priorities those whose newest event is
        older come first. `is_sized` where it takes a part of the device: the queue of these is there from the first on,
        since each queue costs an idle worker a fiftieth of a core. Blocking.
        """
        queue = LIGHT if not new.device else PODS if self._in_pods else SHARES if is_sized else DEVICES
        options: dict[str, Any] = {
            "workflow_name": WORKFLOW,
            "queue_name": queue,
            "workflow_id": f"{new.job_id}.{new.run}",
            "app_version": VERSION,
            "priority": 1 + (100 - new.priority) * NUMBERS + new.sequence % NUMBERS,
        }
        if queue == SHARES and not self._has_shares:
            DBOS.register_queue(SHARES, partition_concurrency=MAX_SHARES, polling_interval_sec=POLL_SECONDS)
            self._has_shares = True
        if queue in (DEVICES, SHARES):
            options["queue_partition_key"] = new.device
        DBOS.enqueue_workflow_with_options(options, new.job_id, new.run)  # type: ignore[arg-type]

    def recover(self, executors: Sequence[str]) -> None:
        """Put back what these workers, whose lease is over, were running. Blocking."""
        DBOS._recover_pending_workflows(list(executors))

    def forget(self, before: datetime) -> int:
        """Delete what DBOS keeps of runs that ended before a time; how many. Blocking."""
        count = 0
        while found := DBOS.list_workflows(
            status=OVER, completed_before=before.isoformat(), limit=FORGOTTEN, load_input=False, load_output=False
        ):
            DBOS.delete_workflows([run.workflow_id for run in found])
            count += len(found)
        return count


def _bridge() -> _Bridge:
    if Queue._bridge is None:
        raise Stopping
    return Queue._bridge


@DBOS.step(name="run_step")
def run_step(job_id: str, run: int, name: str) -> bool:
    """A step; whether the job goes on."""
    bridge = _bridge()
    return bridge.call(bridge.runner.step(job_id, run, name))


@DBOS.workflow(name=WORKFLOW, max_recovery_attempts=MAX_RECOVERIES)
def run_job(job_id: str, run: int) -> None:
    """A job's run."""
    bridge = _bridge()
    names = bridge.call(bridge.runner.begin(job_id, run))
    if names and all(run_step(job_id, run, name) for name in names):
        bridge.call(bridge.runner.finish(job_id, run))


def queue_url(given: str, database_url: str) -> str:
    """Where DBOS keeps its tables: as given; else beside our own, in a file or a schema of their own."""
    url = make_url(given or database_url)
    if url.get_backend_name() == "sqlite":
        path = url.database or ""
        return URL.create("sqlite", database=path if given else f"{path}.queue").render_as_string()
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def sqlite_engine(url: URL) -> sqlalchemy.Engine:
    """WAL, which DBOS does not set, and FULL: what was acknowledged survives a power failure."""
    engine = sqlalchemy.create_engine(url)

    def connected(connection: Any, _record: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_MS}", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    sqlalchemy.event.listen(engine, "connect", connected)
    return engine
