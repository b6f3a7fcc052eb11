"""Keeps every generation: in the catalog or on this disk before it is acknowledged, and in the catalog exactly once."""

import asyncio
import logging
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from enum import Enum
from pathlib import Path

import grpc
from google.protobuf import json_format
from prometheus_client import CollectorRegistry, Counter, Gauge
from voicebox.catalog.v1 import catalog_pb2

from .catalog import Catalog
from .spool import Draft, Spool

log = logging.getLogger(__name__)

PROMPT_SECONDS = 1.0
"""How long an utterance's end waits for the catalog, so that a client that lists the history next finds it there."""
DELIVERY_SECONDS = 30.0
RETRY_SECONDS = 2.0

TRANSIENT = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    }
)
"""Answers after which a later try may succeed; any other means that the catalog will never take the record."""


class Answer(Enum):
    """What the catalog said to a record."""

    KEPT = "kept"
    LATER = "later"
    REFUSED = "refused"


class History:
    """Records by the request id, which names the generation: however often one is delivered, the catalog keeps it once."""

    def __init__(self, spool: Spool, catalog: Catalog, executor: Executor, registry: CollectorRegistry) -> None:
        self._spool, self._catalog, self._executor = spool, catalog, executor
        self._due = asyncio.Event()
        self._delivered = Counter("voicebox_tts_history_delivered", "Generations that the catalog confirmed.", registry=registry)
        self._waiting = Gauge(
            "voicebox_tts_history_waiting", "Generations on this disk that the catalog has not confirmed.", registry=registry
        )

    @asynccontextmanager
    async def delivering(self) -> AsyncIterator[None]:
        """Deliver in the background what waits, also from before a restart, while the block runs."""
        self._due.set()
        task = asyncio.create_task(self._deliver_for_ever())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def draft(self, sample_rate_hz: int) -> Draft:
        """Begin a record's audio; Exhausted or OSError when the disk cannot take it."""
        return self._spool.draft(sample_rate_hz)

    async def keep(self, draft: Draft, generation: catalog_pb2.Generation, *, promptly: bool) -> bool:
        """Make a record durable: in the catalog at once when `promptly` and it answers, which gives True; else on this disk.

        Raises OSError when neither takes it.
        """
        in_executor = asyncio.get_running_loop().run_in_executor
        await in_executor(self._executor, draft.close)
        if promptly and await self._offer(draft.path, generation, PROMPT_SECONDS) is Answer.KEPT:
            draft.discard()
            return True
        await in_executor(self._executor, self._spool.commit, draft, json_format.MessageToJson(generation))
        self._waiting.inc()
        self._due.set()
        return False

    async def _deliver_for_ever(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            waiting = list(self._spool.waiting())
            self._waiting.set(len(waiting))
            for audio, metadata in waiting:
                generation = json_format.Parse(metadata, catalog_pb2.Generation(), ignore_unknown_fields=True)
                match await self._offer(audio, generation, DELIVERY_SECONDS):
                    case Answer.KEPT:
                        self._spool.remove(audio)
                    case Answer.REFUSED:
                        self._spool.reject(audio)
                    case Answer.LATER:
                        asyncio.get_running_loop().call_later(RETRY_SECONDS, self._due.set)
                        break
                self._waiting.dec()

    async def _offer(self, audio: Path, generation: catalog_pb2.Generation, timeout_seconds: float) -> Answer:
        """Hand one record to the catalog."""
        try:
            await self._catalog.record(generation, audio, timeout_seconds)
        except grpc.aio.AioRpcError as error:
            if error.code() in TRANSIENT:
                log.warning("%s waits on disk: the catalog answered %s", generation.name, error.code().name)
                return Answer.LATER
            log.error("%s is set aside: the catalog refused it: %s %s", generation.name, error.code().name, error.details())
            return Answer.REFUSED
        self._delivered.inc()
        return Answer.KEPT
