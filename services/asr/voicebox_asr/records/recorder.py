"""Keeps what was heard, with its audio, in the catalog when a caller asks for it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from voicebox.asr.v1 import asr_pb2
from voicebox_kit import principal
from voicebox_kit.deadline import remaining
from voicebox_kit.errors import Exhausted, Unavailable

from voicebox_asr.api.requests import Keeping as Asked
from voicebox_asr.api.requests import Recognition
from voicebox_asr.engine import Engine
from voicebox_asr.peers.catalog import Catalog
from voicebox_asr.results.warnings import Notice, Reason

from .audio_copy import AudioCopy, audio_copy
from .disk_quota import Space
from .record import Result, transcription

log = logging.getLogger(__name__)

WRITE_BYTES = 64 * 1024
"""So much is written to disk at once: 2 s of 16 kHz samples."""

KEEPING_SECONDS, SLOWEST_BYTES_PER_SECOND = 10.0, 10e6
"""The caller waits for the catalog, but not for ever."""

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True)
class Kept:
    """`transcriptions/{transcription}`; or, when it could not be kept, nothing and a notice."""

    name: str = ""
    notices: tuple[Notice, ...] = ()


class Keeping:
    """What calls need to keep their results: the catalog, and space for copies of their audio."""

    def __init__(self, catalog: Catalog, space: Space) -> None:
        self.catalog, self.space = catalog, space

    @contextmanager
    def keeper(
        self, recognition: Recognition, config: asr_pb2.RecognitionConfig, context: Context
    ) -> Iterator["Keeper"]:
        """Keeps one call's result, or does nothing when its config does not ask for that."""
        if recognition.keeping is None:
            yield Keeper(self, None, config, context, None)
            return
        with audio_copy(recognition.pcm) as copy:
            keeper = Keeper(self, recognition.keeping, config, context, copy)
            try:
                yield keeper
            finally:
                self.space.give_back(keeper.taken_bytes)


class Keeper:
    """One call's. The caller gets the answer also when the catalog does not take it."""

    def __init__(
        self,
        keeping: Keeping,
        asked: Asked | None,
        config: asr_pb2.RecognitionConfig,
        context: Context,
        copy: AudioCopy | None,
    ) -> None:
        """`asked` and `copy` are None when nothing is to be kept."""
        self._keeping, self._asked, self._config, self._context, self._copy = keeping, asked, config, context, copy
        self._waiting = bytearray()
        self.taken_bytes = 0

    @property
    def keeps(self) -> bool:
        """Whether `keep` needs what was heard."""
        return self._asked is not None

    def copied(self, blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The same bytes, of which a copy is made on the way."""
        return _Copied(blocks, self._push) if self._copy else blocks

    async def copy_rest(self, blocks: AsyncIterator[bytes]) -> None:
        """Copy what is left of a file: a decoder stops where the sound does, and tags may follow."""
        if self._copy:
            async for block in blocks:
                await self._push(block)
                if self._copy.failure:
                    return

    async def keep(self, result: Result, engine: Engine) -> Kept:
        """Keep what was heard in the bytes that passed."""
        if self._asked is None or self._copy is None:
            return Kept()
        record = transcription(result, engine, self._config)
        record.name = f"transcriptions/{self._asked.request_id}"
        record.owner = principal.owner(self._context)
        record.labels.update(self._asked.labels)
        try:
            await self._flush(self._copy)
            audio, record.container, size = await asyncio.to_thread(self._copy.finish)
            seconds = remaining(self._context, KEEPING_SECONDS + size / SLOWEST_BYTES_PER_SECOND)
            return Kept(await self._keeping.catalog.record(record, audio, seconds))
        except OSError as error:
            return _not_kept(record.name, f"its audio could not be copied: {error}")
        except grpc.aio.AioRpcError as error:
            return _not_kept(record.name, f"the catalog answered {error.code().name}: {error.details()}")
        except Unavailable:
            return _not_kept(record.name, "the catalog went away.")

    async def _push(self, block: bytes) -> None:
        self._waiting += block
        if self._copy and len(self._waiting) >= WRITE_BYTES:
            await self._flush(self._copy)

    async def _flush(self, copy: AudioCopy) -> None:
        block, self._waiting = bytes(self._waiting), bytearray()
        size = await asyncio.to_thread(copy.write, block)
        try:
            self._keeping.space.take(size - self.taken_bytes)
            self.taken_bytes = size
        except Exhausted as error:
            copy.fail(error.sentence)


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


def _not_kept(name: str, reason: str) -> Kept:
    log.warning("%s is not kept: %s", name, reason)
    return Kept(notices=(Notice(Reason.NOT_STORED, f"The transcription was not kept: {reason}"),))
