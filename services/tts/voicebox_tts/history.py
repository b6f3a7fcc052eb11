"""Keeps every generation: on this disk before it is acknowledged, in the catalog as soon as that answers, exactly once."""

import asyncio
import logging
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
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


class History:
    """Records by the request id, which names the generation: however often one is delivered, the catalog keeps it once."""

    def __init__(self, spool: Spool, catalog: Catalog, executor: Executor, registry: CollectorRegistry) -> None:
        self._spool, self._catalog, self._executor = spool, catalog, executor
        self._due = asyncio.Event()
        self._under_way: set[Path] = set()
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
        """Make a record durable here, and deliver it: at once when `promptly`, else in the background. True when the catalog has it."""
        metadata = json_format.MessageToJson(generation)
        audio = await asyncio.get_running_loop().run_in_executor(self._executor, self._spool.commit, draft, metadata)
        self._waiting.inc()
        if promptly and await self._deliver(audio, generation, PROMPT_SECONDS):
            return True
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
                if audio not in self._under_way and not await self._deliver(audio, generation, DELIVERY_SECONDS):
                    asyncio.get_running_loop().call_later(RETRY_SECONDS, self._due.set)
                    break

    async def _deliver(self, audio: Path, generation: catalog_pb2.Generation, timeout_seconds: float) -> bool:
        """Hand one record to the catalog; False when it must be tried again."""
        self._under_way.add(audio)
        try:
            await self._catalog.record(generation, audio, timeout_seconds)
        except grpc.aio.AioRpcError as error:
            if error.code() in TRANSIENT:
                log.warning("%s waits on disk: the catalog answered %s", generation.name, error.code().name)
                return False
            log.error("%s is set aside: the catalog refused it: %s %s", generation.name, error.code().name, error.details())
            self._spool.reject(audio)
        else:
            self._spool.remove(audio)
            self._delivered.inc()
        finally:
            self._under_way.discard(audio)
        self._waiting.dec()
        return True
