"""Voice prompts that replicas share by a blob store; after a timeout the store is not used for a while."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from voicebox_blobs.blobs import Blobs

from .file import MAX_BYTES, file_name

T = TypeVar("T")

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 2.0
AWAY_SECONDS = 30.0
WRITE_SECONDS = 10.0
"""Of a write, for which only the end of the process waits: the largest prompt has 36 MB."""
MAX_WRITES = 4
"""Written at the same time; what is computed meanwhile is stored on this disk only."""


class SharedPrompts:
    """The files of a blob store. A store that is away costs `timeout_seconds` once in AWAY_SECONDS, and no request."""

    def __init__(
        self, blobs: Blobs, clock: Callable[[], float] = time.monotonic, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        self._blobs, self._clock, self._timeout_seconds = blobs, clock, timeout_seconds
        self._retry_at = -float("inf")
        self._cancelled: set[asyncio.Task[Any]] = set()
        self._writes: set[asyncio.Task[None]] = set()

    async def read(self, key: str) -> bytes | None:
        """The file's content, not verified; None when the store has none, or is away."""
        return await self._answer(lambda: self._read(file_name(key)))

    def write(self, key: str, data: bytes) -> None:
        """Begin to store a file for all replicas; a file that cannot be stored is logged."""
        name = file_name(key)
        if self._clock() < self._retry_at or len(self._writes) >= MAX_WRITES:
            why = "does not answer" if self._clock() < self._retry_at else f"is written to {MAX_WRITES} times already"
            log.warning(
                "the voice prompt %s is stored on this machine only: the store of shared voice prompts %s", name, why
            )
            return
        task = asyncio.create_task(self._write(name, data))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def written(self) -> None:
        """Wait until all writes have ended."""
        await asyncio.gather(*self._writes)

    async def _write(self, name: str, data: bytes) -> None:
        async def blocks() -> AsyncIterator[bytes]:
            yield data

        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._blobs.put_as(name, blocks())
        except TimeoutError:
            self._is_away(f"nothing was written in {WRITE_SECONDS:g} s, and {name} is stored on this machine only")
        except Exception as error:  # disks and object stores raise any error, and no caller waits for it
            self._is_away(f"{name} could not be written, and is stored on this machine only: {_cause(error)}")

    async def _read(self, name: str) -> bytes | None:
        data = bytearray()
        try:
            async for block in self._blobs.read(name, 0, MAX_BYTES):
                data += block
        except FileNotFoundError:
            return None
        return bytes(data)

    async def _answer(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
        """What the store answers; None when it fails, takes too long, or did so a moment ago."""
        if self._clock() < self._retry_at:
            return None
        task = asyncio.create_task(ask())
        try:
            done, _ = await asyncio.wait({task}, timeout=self._timeout_seconds)
            if done:
                return task.result()
            self._is_away(f"no answer in {self._timeout_seconds:g} s")
        except Exception as error:  # object stores have errors of their own, and the prompt can be computed
            self._is_away(_cause(error))
        finally:
            self._cancel(task)
        return None

    def _is_away(self, why: str) -> None:
        self._retry_at = self._clock() + AWAY_SECONDS
        log.warning("the store of shared voice prompts is not used for %g s: %s", AWAY_SECONDS, why)

    def _cancel(self, task: asyncio.Task[Any]) -> None:
        """Call a task off, and do not wait for it: a folder on a network that hangs does not let go."""
        if not task.done():
            task.cancel()
            self._cancelled.add(task)
            task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._cancelled.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, or asyncio logs it


def _cause(error: Exception) -> str:
    """An error in a log line; some have no words of their own."""
    return f"{type(error).__name__}: {error}".rstrip(": ")
