"""Delivers records: at once where the receiver answers, else from the spool until it does, and each exactly once.

A record that is delivered later is delivered under the request id of the call that it is about.
"""

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from enum import Enum
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message
from prometheus_client import CollectorRegistry, Counter, Gauge
from voicebox_kit import request_id
from voicebox_kit.background import Background
from voicebox_kit.errors import Unavailable

from .spool import Spool, cause, file_size

log = logging.getLogger(__name__)

PROMPT_SECONDS = 1.0
"""How long a caller waits for the receiver, so that a client that lists the history next finds the record there."""
DELIVERY_SECONDS = 30.0
RETRY_SECONDS = 2.0
SLOWEST_BYTES_PER_SECOND = 10e6
"""Both times are longer by what the record's file takes at this rate."""
CALL = request_id.HEADER
"""Where a record's JSON in the spool has the request id of its call; no message has a field of this name."""
CONCURRENT_DELIVERIES = 8
"""One by one, ten thousand records would take minutes."""

AWAY = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED})
"""Statuses that are about the receiver and not about the record: other records would get the same."""
FINAL = frozenset({grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE})
"""Statuses after which no retry can succeed. Not UNAUTHENTICATED or UNIMPLEMENTED: a wrong setting must not cost
records.
"""

Record = TypeVar("Record", bound=Message)
SentRecord_contra = TypeVar("SentRecord_contra", bound=Message, contravariant=True)
_Result = TypeVar("_Result")


class Delivery(Enum):
    """What became of a record: confirmed; in the spool; in the spool, and the receiver is away; set aside for ever."""

    DELIVERED = "delivered"
    PENDING = "pending"
    AWAY = "away"
    REJECTED = "rejected"


class SendRecord(Protocol[SentRecord_contra]):
    """Sends one record with its file. Raises grpc.aio.AioRpcError as the receiver answers, Unavailable when it goes
    away.
    """

    async def __call__(self, record: SentRecord_contra, data: Path, timeout_seconds: float, /) -> None: ...


class Outbox(Generic[Record]):
    """Records named by request ids: however often one is delivered, the receiver keeps it once."""

    def __init__(
        self,
        service: str,
        spool: Spool,
        record_type: type[Record],
        send: SendRecord[Record],
        executor: Executor,
        registry: CollectorRegistry,
        subject: str = "history",
    ) -> None:
        """`subject` is what the records are about, in the names of metrics and of the background task."""
        self._spool, self._record_type, self._send, self._executor = spool, record_type, send, executor
        self._due, self._subject = asyncio.Event(), subject
        self._delivered = Counter(
            f"voicebox_{service}_{subject}_delivered", "Records that their receiver confirmed.", registry=registry
        )
        self._waiting = Gauge(
            f"voicebox_{service}_{subject}_waiting",
            "Records on this disk that their receiver has not confirmed.",
            registry=registry,
        )

    @asynccontextmanager
    async def delivering(self, background: Background) -> AsyncIterator[None]:
        """Deliver in the background what waits, also from before a restart, while the block runs."""
        async with background.running(self._subject, self._run_deliveries):
            yield

    def reserve(self) -> Path:
        """A path for a new record's file. Exhausted("SPOOL_FULL")."""
        return self._spool.reserve()

    async def keep(self, data: Path, record: Record, *, promptly: bool) -> Delivery:
        """Make a record durable: DELIVERED at once when `promptly` and the receiver answers, else PENDING or REJECTED.

        The file is complete and closed; the outbox removes it. Raises OSError when neither the receiver nor the disk
        takes the record: the file is then the caller's.
        """
        delivery = await self._offer(data, record, PROMPT_SECONDS) if promptly else Delivery.PENDING
        if delivery is Delivery.DELIVERED:
            self._spool.discard(data)
            return delivery
        written = {**json_format.MessageToDict(record), CALL: request_id.current.get()}
        await self._in_thread(self._spool.commit, data, json.dumps(written, ensure_ascii=False))
        if delivery is Delivery.REJECTED:
            await self._in_thread(self._reject, data)
            return delivery
        self._waiting.set(len(self._spool))
        self._due.set()
        return Delivery.PENDING

    async def _run_deliveries(self) -> None:
        self._due.set()
        while True:
            await self._due.wait()
            self._due.clear()
            if not await self._deliver_waiting():
                await asyncio.sleep(RETRY_SECONDS)  # here, not by a timer for each record: new records add no retries
                self._due.set()

    async def _deliver_waiting(self) -> bool:
        """Offer each record that waits, oldest first; False when any must be offered again."""
        queue = _Queue(self._spool.waiting())
        self._waiting.set(len(self._spool))
        async with asyncio.TaskGroup() as group:
            for _ in range(CONCURRENT_DELIVERIES):
                group.create_task(self._deliver(queue))
        return queue.all_settled

    async def _deliver(self, queue: "_Queue") -> None:
        """Offer records of the queue until there is none, or the receiver is away."""
        while (data := queue.next()) is not None:
            match await self._read_and_offer(data):
                case Delivery.DELIVERED:
                    await self._settle(data, self._spool.remove, queue)
                case Delivery.REJECTED:
                    await self._settle(data, self._reject, queue)
                case Delivery.PENDING:  # a failure of this record alone: those behind it do not wait for it
                    queue.all_settled = False
                case Delivery.AWAY:
                    queue.stop()
            self._waiting.set(len(self._spool))

    async def _settle(self, data: Path, settle: Callable[[Path], None], queue: "_Queue") -> None:
        """Take a record off the spool; it is offered again where the folder cannot be written."""
        try:
            await self._in_thread(settle, data)
        except OSError as error:
            log.error("%s stays in the spool: %s", data, cause(error))
            queue.all_settled = False

    async def _read_and_offer(self, data: Path) -> Delivery:
        try:
            record, call = self._parsed(await self._in_thread(self._spool.metadata, data))
            request_id.current.set(call)
            return await self._offer(data, record, DELIVERY_SECONDS)
        except (ValueError, FileNotFoundError) as error:
            log.error("%s is set aside: it cannot be read: %s", data, error)
            return Delivery.REJECTED
        except OSError as error:
            log.error("%s waits on disk: it cannot be read now: %s", data, cause(error))
            return Delivery.PENDING

    def _parsed(self, metadata: bytes) -> tuple[Record, str]:
        """The record, and the request id of its call, empty in the spools of earlier versions; ValueError, whatever is
        wrong with it.
        """
        try:
            written = json.loads(metadata.decode())
            call = str(written.pop(CALL, ""))
            return json_format.ParseDict(written, self._record_type(), ignore_unknown_fields=True), call
        except (json_format.ParseError, ValueError, RecursionError, TypeError, AttributeError) as error:
            raise ValueError(str(error) or type(error).__name__) from error

    def _reject(self, data: Path) -> None:
        if removed := self._spool.reject(data):
            log.warning("%d of the oldest rejected records are removed: they took too much of the disk", removed)

    async def _offer(self, data: Path, record: Record, timeout_seconds: float) -> Delivery:
        """Send one record."""
        try:
            size_bytes = file_size(data)
            await self._send(record, data, timeout_seconds + size_bytes / SLOWEST_BYTES_PER_SECOND)
        except grpc.aio.AioRpcError as error:
            if error.code() in FINAL:
                log.error(
                    "%s is set aside: its receiver refused it: %s %s",
                    _name(record, data),
                    error.code().name,
                    error.details(),
                )
                return Delivery.REJECTED
            log.warning("%s waits on disk: its receiver answered %s", _name(record, data), error.code().name)
            return Delivery.AWAY if error.code() in AWAY else Delivery.PENDING
        except Unavailable as error:
            log.warning("%s waits on disk: %s", _name(record, data), error)
            return Delivery.AWAY
        self._delivered.inc()
        return Delivery.DELIVERED

    async def _in_thread(self, work: Callable[..., _Result], *arguments: object) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *arguments)


def _name(record: Message, data: Path) -> str:
    """What a log calls a record: its resource name."""
    return getattr(record, "name", "") or data.stem


class _Queue:
    """Records to offer, shared by those who deliver."""

    def __init__(self, records: Sequence[Path]) -> None:
        self._records = deque(records)
        self.all_settled = True

    def next(self) -> Path | None:
        """The next one; None when there is none."""
        return self._records.popleft() if self._records else None

    def stop(self) -> None:
        """Offer no more of them now."""
        self._records.clear()
        self.all_settled = False
