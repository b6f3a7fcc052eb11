"""Blobs whose operations are timed for Prometheus."""

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager

from prometheus_client import CollectorRegistry, Histogram

from .blobs import Blob, Blobs, StoredBlob

BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class MeasuredBlobs:
    """The blobs of another store. See Blobs for what the methods promise."""

    def __init__(self, blobs: Blobs, store: str, registry: CollectorRegistry) -> None:
        """`store` is `local` or `s3`."""
        self._blobs, self._store = blobs, store
        self.check = blobs.check
        self._seconds = Histogram(
            "voicebox_blob_seconds",
            "Time of an operation on stored files: of a read until its first bytes, of a put while its caller sends.",
            ["store", "operation"],
            registry=registry,
            buckets=BUCKETS_SECONDS,
        )

    async def put(self, kind: str, blocks: AsyncIterator[bytes], max_bytes: int) -> Blob:
        with self._timed("put"):
            return await self._blobs.put(kind, blocks, max_bytes)

    async def put_as(self, name: str, blocks: AsyncIterator[bytes]) -> Blob:
        with self._timed("put"):
            return await self._blobs.put_as(name, blocks)

    async def read(self, name: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        blocks = aiter(self._blobs.read(name, start, end))
        with self._timed("read"):
            first = await anext(blocks, None)
        if first is not None:
            yield first
        async for block in blocks:
            yield block

    async def size_bytes(self, name: str) -> int:
        with self._timed("size"):
            return await self._blobs.size_bytes(name)

    async def delete(self, *names: str) -> None:
        with self._timed("delete"):
            await self._blobs.delete(*names)

    def stored(self) -> AsyncIterator[list[StoredBlob]]:
        return self._blobs.stored()

    def _timed(self, operation: str) -> AbstractContextManager[object]:
        return self._seconds.labels(self._store, operation).time()
