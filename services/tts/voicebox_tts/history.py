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
from voicebox_kit.errors import Unavailable

from .catalog import Catalog
from .spool import Draft, Spool

log = logging.getLogger(__name__)

PROMPT_SECONDS = 1.0
"""How long an utterance's end waits for the catalog, so that a client that lists the history next finds it there."""
DELIVERY_SECONDS = 30.0
RETRY_SECONDS = 2.0

AWAY = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED})
"""Answers that tell of the catalog, not of the record: the others would get the same."""
FINAL = frozenset({grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE})
"""Answers after which no later try can succeed. Not UNAUTHENTICATED or UNIMPLEMENTED: a wrong setting must not cost records."""


class Answer(Enum):
    """What the catalog said to a record."""

    KEPT = "kept"
    LATER = "later"
    AWAY = "away"
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

    async def keep(self, draft: Draft, generation: catalog_pb2.Generation, *, promptly: bool) -> Answer:
        """Make a record durable: in the catalog at once when `promptly` and it answers; else on this disk, to be delivered LATER.

        Raises OSError when neither takes it.
        """
        in_executor = asyncio.get_running_loop().run_in_executor
        await in_executor(self._executor, draft.close)
        answer = await self._offer(draft.path, generation, PROMPT_SECONDS) if promptly else Answer.LATER
        if answer is Answer.KEPT:
            draft.discard()
            return answer
        await in_executor(self._executor, self._spool.commit, draft, json_format.MessageToJson(generation))
        if answer is Answer.REFUSED:
            self._spool.reject(draft.path)
            return answer
        self._waiting.inc()
        self._due.set()
        return Answer.LATER

    async def _deliver_for_ever(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            if not await self._deliver_what_waits():
                await asyncio.sleep(RETRY_SECONDS)  # here, not by a timer for each record: what comes meanwhile must not add tries
                self._due.set()

    async def _deliver_what_waits(self) -> bool:
        """Offer each record that waits, oldest first; False when any must be offered again."""
        waiting = await asyncio.get_running_loop().run_in_executor(self._executor, lambda: list(self._spool.waiting()))
        self._waiting.set(len(waiting))
        all_told = True
        for audio, metadata in waiting:
            match await self._read_and_offer(audio, metadata):
                case Answer.KEPT:
                    self._spool.remove(audio)
                case Answer.REFUSED:
                    self._spool.reject(audio)
                case Answer.LATER:  # this record's own trouble: those behind it do not wait for it
                    all_told = False
                    continue
                case Answer.AWAY:
                    return False
            self._waiting.dec()
        return all_told

    async def _read_and_offer(self, audio: Path, metadata: str) -> Answer:
        try:
            generation = json_format.Parse(metadata, catalog_pb2.Generation(), ignore_unknown_fields=True)
            return await self._offer(audio, generation, DELIVERY_SECONDS)
        except (json_format.ParseError, OSError):
            log.exception("%s is set aside: it cannot be read", audio)
            return Answer.REFUSED

    async def _offer(self, audio: Path, generation: catalog_pb2.Generation, timeout_seconds: float) -> Answer:
        """Hand one record to the catalog."""
        try:
            await self._catalog.record(generation, audio, timeout_seconds)
        except grpc.aio.AioRpcError as error:
            if error.code() in FINAL:
                log.error("%s is set aside: the catalog refused it: %s %s", generation.name, error.code().name, error.details())
                return Answer.REFUSED
            log.warning("%s waits on disk: the catalog answered %s", generation.name, error.code().name)
            return Answer.AWAY if error.code() in AWAY else Answer.LATER
        except Unavailable as error:
            log.warning("%s waits on disk: %s", generation.name, error)
            return Answer.AWAY
        self._delivered.inc()
        return Answer.KEPT
