"""Writes records: to the catalog or to this disk before the answer, and to the catalog exactly once."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from voicebox_kit.disk_quota import DiskQuota
from voicebox_kit.errors import Exhausted
from voicebox_kit.shielded import shielded
from voicebox_outbox.outbox import Delivery
from voicebox_outbox.spool import cause

from voicebox_asr.engine import Engine
from voicebox_asr.job import Job, RecordRequest
from voicebox_asr.results.transcript import Transcript
from voicebox_asr.results.warnings import RecognitionWarning, WarningReason

from .audio_copy import AudioCopy, audio_copy
from .record import TranscriptionRecord, transcription_record

log = logging.getLogger(__name__)

WRITE_BYTES = 64 * 1024
"""The least that is written to disk at once: 2 s of 16 kHz samples."""


class RecordOutbox(Protocol):
    """Delivers records to the catalog, as voicebox_outbox.outbox.Outbox does."""

    def reserve(self) -> Path:
        """A path for a new record's audio. Exhausted("SPOOL_FULL")."""

    async def keep(self, audio: Path, record: TranscriptionRecord) -> Delivery:
        """Make a record durable. OSError, and the audio stays the caller's, when neither catalog nor disk takes it."""


@dataclass(frozen=True)
class Recorded:
    """The record's name, `transcriptions/{transcription}`, empty where there is none; and warnings about it."""

    name: str = ""
    warnings: tuple[RecognitionWarning, ...] = ()


class Records:
    """What the recorders of all calls share: the outbox, and a quota for copies of audio that are being written."""

    def __init__(self, outbox: RecordOutbox, quota: DiskQuota, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self.outbox, self.quota, self.clock_ns = outbox, quota, clock_ns
        self._writing = set[asyncio.Future[Recorded]]()

    @contextmanager
    def recorder(self, job: Job) -> Iterator["Recorder"]:
        """Records one call's transcript, or does nothing when the job requests no record."""
        if job.record is None:
            yield Recorder(self)
            return
        with audio_copy(self.outbox.reserve, job.pcm) as copy:
            recorder = Recorder(self, job.record, copy)
            try:
                yield recorder
            finally:
                self.quota.release(recorder.reserved_bytes)

    async def complete(self, write: Coroutine[None, None, Recorded]) -> Recorded:
        """Run a write to its end, also when its caller leaves."""
        task = asyncio.ensure_future(write)
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        return await shielded(task)

    async def idle(self) -> None:
        """Wait until no record is being written: calls that a shutdown cut short may still write theirs."""
        while self._writing:
            await asyncio.wait(self._writing)


class Recorder:
    """Records one call. The caller gets the transcript even when the record cannot be written."""

    def __init__(self, records: Records, request: RecordRequest | None = None, copy: AudioCopy | None = None) -> None:
        """`request` and `copy` are None when there is nothing to record."""
        self._records, self._request, self._copy = records, request, copy
        self._unwritten = bytearray()
        self.reserved_bytes = 0

    @property
    def is_recording(self) -> bool:
        """Whether `record` needs the transcript."""
        return self._request is not None

    def copied(self, blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The same bytes, copied on the way."""
        return _Copied(blocks, self._push) if self._copy else blocks

    async def copy_rest(self, blocks: AsyncIterator[bytes]) -> None:
        """Copy what is left of a file: a decoder stops where the audio ends, and tags may follow."""
        if self._copy:
            async for block in blocks:
                await self._push(block)
                if self._copy.failure:
                    return

    async def record(self, transcript: Transcript, engine: Engine) -> Recorded:
        """Record what was recognised in the bytes that were copied."""
        if self._request is None or self._copy is None:
            return Recorded()
        return await self._records.complete(self._write(self._request, self._copy, transcript, engine))

    async def _write(self, request: RecordRequest, copy: AudioCopy, transcript: Transcript, engine: Engine) -> Recorded:
        try:
            await self._flush(copy)
            audio, container = await asyncio.to_thread(copy.finish)
            record = transcription_record(request, transcript, engine, container, self._records.clock_ns())
            delivery = await self._records.outbox.keep(audio, record)
        except OSError as error:
            return _not_stored(request, cause(error))
        copy.hand_over()
        return _recorded(record.name, delivery)

    async def _push(self, block: bytes) -> None:
        self._unwritten += block
        if self._copy and len(self._unwritten) >= WRITE_BYTES:
            await self._flush(self._copy)

    async def _flush(self, copy: AudioCopy) -> None:
        block, self._unwritten = bytes(self._unwritten), bytearray()
        size_bytes = await asyncio.to_thread(copy.write, block)
        try:
            self._records.quota.reserve(size_bytes - self.reserved_bytes)
            self.reserved_bytes = size_bytes
        except Exhausted as error:
            await asyncio.to_thread(copy.fail, error.sentence)


class _Copied:
    """An iterator and not a generator: it needs no closing."""

    def __init__(self, blocks: AsyncIterator[bytes], push: Callable[[bytes], Awaitable[None]]) -> None:
        self._blocks, self._push = blocks, push

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        block = await anext(self._blocks)
        await self._push(block)
        return block


def _recorded(name: str, delivery: Delivery) -> Recorded:
    match delivery:
        case Delivery.DELIVERED:
            return Recorded(name)
        case Delivery.REJECTED:
            sentence = "The catalog refused this transcription: the server has set it aside."
            return Recorded("", (RecognitionWarning(WarningReason.RECORD_REJECTED, sentence),))
        case _:
            sentence = "The catalog has not taken this transcription yet: the history shows it later."
            return Recorded(name, (RecognitionWarning(WarningReason.RECORD_PENDING, sentence),))


def _not_stored(request: RecordRequest, why: str) -> Recorded:
    log.warning("transcriptions/%s is not kept: %s", request.request_id, why)
    return Recorded(warnings=(RecognitionWarning(WarningReason.NOT_STORED, f"The transcription was not kept: {why}"),))
