"""One piece of work: what it uses is reserved before, counted meanwhile and recorded after it."""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from google.protobuf.timestamp_pb2 import Timestamp
from voicebox.accounts.v1 import accounts_pb2 as pb
from voicebox_kit import principal, request_id
from voicebox_kit.errors import VoiceboxError
from voicebox_kit.principal import Principal
from voicebox_kit.shielded import shielded

from .notes import Note, Notes

log = logging.getLogger(__name__)

STEP_MS = 10_000
"""Audio of a stream is reserved, and what was used is reported, this much at a time."""
STEP_CHARACTERS = 1000
BEAT_SECONDS = 40.0
"""Accounts takes work for gone that is silent for two minutes."""


class WorkKind(Enum):
    """A kind of work."""

    SPEECH = pb.WORK_KIND_SPEECH
    RECOGNITION = pb.WORK_KIND_RECOGNITION
    MODEL_DOWNLOAD = pb.WORK_KIND_MODEL_DOWNLOAD
    CONVERSION = pb.WORK_KIND_CONVERSION


class Ledger(Protocol):
    """Where work is reserved, as peer.Accounts does."""

    async def reserve(self, request: pb.ReserveWorkRequest) -> None: ...
    async def renew(self, request: pb.RenewWorkRequest) -> None: ...


class Work:
    """What is used for nobody: without authentication, and for what the platform does by itself."""

    model = ""
    """Which model does it, `{engine}/{model}`; set once it is known."""

    async def use(self, characters: int = 0, audio_ms: float = 0.0) -> None:
        """Count what is used now. Raises Exhausted when a limit allows no more of it."""


OpenWork = Callable[..., AbstractAsyncContextManager[Work]]
"""Called with a WorkKind, and `characters` where they are known before the work."""


@asynccontextmanager
async def uncounted(_kind: WorkKind, **_amounts: int) -> AsyncIterator[Work]:
    """Work that counts for nobody."""
    yield Work()


@dataclass
class CountedWork(Work):
    """Work for a caller, who waits for its reservations only where a limit holds for it."""

    ledger: Ledger
    caller: Principal
    kind: WorkKind
    work_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    characters: int = 0
    audio_ms: float = 0.0
    reserved_characters: int = 0
    reserved_ms: int = 0
    note: Note | None = None
    _model: str = ""
    _reporting: "asyncio.Task[None] | None" = None
    _is_known: bool = False

    @property
    def model(self) -> str:
        return self._model

    @model.setter
    def model(self, model: str) -> None:
        self._model = model
        if self.note:
            self.note.describe(self.record())

    async def begin(self, characters: int) -> None:
        """Reserve what the work begins with. Without a limit accounts hears of it when it lasts: most work is done
        before.
        """
        self.reserved_characters = characters
        self.reserved_ms = STEP_MS
        if self.caller.is_limited:
            await self._reserve()

    async def use(self, characters: int = 0, audio_ms: float = 0.0) -> None:
        self.characters += characters
        self.audio_ms += audio_ms
        if self.note:
            self.note.use(self.characters, round(self.audio_ms))
        if self.characters <= self.reserved_characters and self.audio_ms <= self.reserved_ms:
            return
        self.reserved_characters = max(self.reserved_characters, self.characters + STEP_CHARACTERS)
        self.reserved_ms = max(self.reserved_ms, round(self.audio_ms) + STEP_MS)
        if self.caller.is_limited:
            await self._renewal()()
        else:
            self._report()

    async def beat(self) -> None:
        """Report again and again that the work goes on, also where its client stands still. Never ends."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            self._report()

    async def end(self) -> None:
        """Nothing is reported any more."""
        if self._reporting:
            await asyncio.wait([self._reporting])

    def used(self) -> pb.Amounts:
        """What was used so far."""
        return pb.Amounts(characters=self.characters, audio_ms=round(self.audio_ms))

    def record(self) -> pb.UsageRecord:
        """The record of the work, which ends now."""
        now = Timestamp()
        now.GetCurrentTime()
        return pb.UsageRecord(
            work_id=self.work_id,
            request_id=request_id.current.get(),
            owner=self.caller.owner,
            key=self.caller.key,
            kind=self.kind.value,
            model=self.model,
            amounts=self.used(),
            end_time=now,
        )

    def _renewal(self) -> Callable[[], Awaitable[None]]:
        request = pb.RenewWorkRequest(work_id=self.work_id, amounts=self._reserved(), used=self.used())
        return lambda: self.ledger.renew(request)

    def _reserved(self) -> pb.Amounts:
        return pb.Amounts(characters=self.reserved_characters, audio_ms=self.reserved_ms)

    async def _reserve(self) -> None:
        request = pb.ReserveWorkRequest(work_id=self.work_id, kind=self.kind.value, amounts=self._reserved())
        await self.ledger.reserve(request)
        self._is_known = True

    def _report(self) -> None:
        """Beside the work, one after another, and of no consequence."""
        self._reporting = asyncio.create_task(self._follow(self._reporting, self._renewal()))

    async def _follow(self, previous: "asyncio.Task[None] | None", renew: Callable[[], Awaitable[None]]) -> None:
        if previous:
            await asyncio.wait([previous])
        try:
            if not self._is_known:
                await self._reserve()
            await renew()
        except VoiceboxError as error:
            log.warning("accounts does not know how far some work has come: %s", error.sentence)


Record = Callable[[pb.UsageRecord], Awaitable[bool]]
"""Keeps what was used; False when that was not possible."""


def counting(ledger: Ledger, notes: Notes, record: Record) -> OpenWork:
    """Work that counts for the running call's caller. `record` gets what was used, also when the work fails; where the
    process is killed, it is in `notes`.
    """

    @asynccontextmanager
    async def work(kind: WorkKind, characters: int = 0) -> AsyncIterator[Work]:
        caller = principal.current.get()
        if caller is None or not caller.is_counted:
            yield Work()
            return
        counted = CountedWork(ledger, caller, kind)
        await counted.begin(characters)
        counted.note = notes.open(counted.record())
        beating = asyncio.create_task(counted.beat())
        try:
            yield counted
        finally:
            beating.cancel()
            await shielded(_settle(counted, record))

    return work


async def _settle(work: CountedWork, record: Record) -> None:
    await work.end()
    is_recorded = await record(work.record())
    if work.note:
        work.note.close(is_recorded=is_recorded)
