"""Keeps every generation: in the catalog or on this disk before it is acknowledged, and in the catalog exactly once."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from enum import Enum
from pathlib import Path

import grpc
from google.protobuf import json_format
from prometheus_client import CollectorRegistry, Counter, Gauge
from voicebox.catalog.v1 import catalog_pb2
from voicebox_kit.background import Background
from voicebox_kit.errors import Unavailable

from voicebox_tts.peers.catalog import Catalog

from .spool import Draft, Spool, cause

log = logging.getLogger(__name__)

PROMPT_SECONDS = 1.0
"""How long an utterance's end waits for the catalog, so that a client that lists the history next finds it there."""
DELIVERY_SECONDS = 30.0
RETRY_SECONDS = 2.0
AT_ONCE = 8
"""Records that are delivered together: one by one, ten thousand of them would take minutes."""

AWAY = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED})
"""Answers that tell of the catalog, not of the record: the others would get the same."""
FINAL = frozenset({grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE})
"""Answers after which no later try can succeed. Not UNAUTHENTICATED or UNIMPLEMENTED: a wrong setting must not cost
records.
"""


class Answer(Enum):
    """What the catalog said to a record."""

    KEPT = "kept"
    LATER = "later"
    AWAY = "away"
    REFUSED = "refused"


class History:
    """Records by the request id, which names the generation: however often one is delivered, the catalog keeps it
    once.
    """

    def __init__(self, spool: Spool, catalog: Catalog, executor: Executor, registry: CollectorRegistry) -> None:
        self._spool, self._catalog, self._executor = spool, catalog, executor
        self._due = asyncio.Event()
        self._delivered = Counter(
            "voicebox_tts_history_delivered", "Generations that the catalog confirmed.", registry=registry
        )
        self._waiting = Gauge(
            "voicebox_tts_history_waiting",
            "Generations on this disk that the catalog has not confirmed.",
            registry=registry,
        )

    @asynccontextmanager
    async def delivering(self, background: Background) -> AsyncIterator[None]:
        """Deliver in the background what waits, also from before a restart, while the block runs."""
        async with background.running("history", self._deliver_for_ever):
            yield

    def draft(self, sample_rate_hz: int) -> Draft:
        """Begin a record's audio; Exhausted or OSError when the disk cannot take it."""
        return self._spool.draft(sample_rate_hz)

    async def keep(self, draft: Draft, generation: catalog_pb2.Generation, *, promptly: bool) -> Answer:
        """Make a record durable: in the catalog at once when `promptly` and it answers; else on this disk, to be
        delivered LATER.

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
            await in_executor(self._executor, self._set_aside, draft.path)
            return answer
        self._waiting.set(len(self._spool))
        self._due.set()
        return Answer.LATER

    async def _deliver_for_ever(self) -> None:
        self._due.set()
        while True:
            await self._due.wait()
            self._due.clear()
            if not await self._deliver_what_waits():
                await asyncio.sleep(
                    RETRY_SECONDS
                )  # here, not by a timer for each record: what comes meanwhile must not add tries
                self._due.set()

    async def _deliver_what_waits(self) -> bool:
        """Offer each record that waits, the oldest first, AT_ONCE at a time; False when any must be offered again."""
        line = _Line(self._spool.waiting())
        self._waiting.set(len(self._spool))
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._deliver(line))
        return line.all_told

    async def _deliver(self, line: "_Line") -> None:
        """Offer records of the line until there is none, or the catalog is away."""
        while (audio := line.next()) is not None:
            match await self._read_and_offer(audio):
                case Answer.KEPT:
                    await self._settle(audio, self._spool.remove, line)
                case Answer.REFUSED:
                    await self._settle(audio, self._set_aside, line)
                case Answer.LATER:  # this record's own trouble: those behind it do not wait for it
                    line.all_told = False
                case Answer.AWAY:
                    line.stop()
            self._waiting.set(len(self._spool))

    async def _settle(self, audio: Path, settle: Callable[[Path], None], line: "_Line") -> None:
        """Take a record off the spool; it is offered again where the folder cannot be written."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._executor, settle, audio)
        except OSError as error:
            log.error("%s stays in the spool: %s", audio, cause(error))
            line.all_told = False

    async def _read_and_offer(self, audio: Path) -> Answer:
        try:
            metadata = await asyncio.get_running_loop().run_in_executor(self._executor, self._spool.metadata, audio)
            generation = _parsed(metadata)
            return await self._offer(audio, generation, DELIVERY_SECONDS)
        except (ValueError, FileNotFoundError) as error:
            log.error("%s is set aside: it cannot be read: %s", audio, error)
            return Answer.REFUSED
        except OSError as error:
            log.error("%s waits on disk: it cannot be read now: %s", audio, cause(error))
            return Answer.LATER

    def _set_aside(self, audio: Path) -> None:
        if removed := self._spool.reject(audio):
            log.warning(
                "%d of the oldest records that were set aside are removed: they took too much of the disk", removed
            )

    async def _offer(self, audio: Path, generation: catalog_pb2.Generation, timeout_seconds: float) -> Answer:
        """Hand one record to the catalog."""
        try:
            await self._catalog.record(generation, audio, timeout_seconds)
        except grpc.aio.AioRpcError as error:
            if error.code() in FINAL:
                log.error(
                    "%s is set aside: the catalog refused it: %s %s",
                    generation.name,
                    error.code().name,
                    error.details(),
                )
                return Answer.REFUSED
            log.warning("%s waits on disk: the catalog answered %s", generation.name, error.code().name)
            return Answer.AWAY if error.code() in AWAY else Answer.LATER
        except Unavailable as error:
            log.warning("%s waits on disk: %s", generation.name, error)
            return Answer.AWAY
        self._delivered.inc()
        return Answer.KEPT


class _Line:
    """Records to offer, shared by those who deliver."""

    def __init__(self, records: Sequence[Path]) -> None:
        self._records = deque(records)
        self.all_told = True

    def next(self) -> Path | None:
        """The next one; None when there is none."""
        return self._records.popleft() if self._records else None

    def stop(self) -> None:
        """Offer no more of them now."""
        self._records.clear()
        self.all_told = False


def _parsed(metadata: bytes) -> catalog_pb2.Generation:
    """The record; ValueError, whatever is wrong with it."""
    try:
        return json_format.Parse(metadata.decode(), catalog_pb2.Generation(), ignore_unknown_fields=True)
    except (json_format.ParseError, UnicodeDecodeError, RecursionError, TypeError) as error:
        raise ValueError(str(error) or type(error).__name__) from error
