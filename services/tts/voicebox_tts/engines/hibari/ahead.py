"""Makes a stream's next audio while its reader still sends and keeps the last."""

import threading
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar, cast

from voicebox_models.lifecycle import unloaded

T = TypeVar("T")
_END = object()


class Workers:
    """Threads for so many streams at once; the cores that they work on are given out elsewhere."""

    def __init__(self, count: int) -> None:
        ready = threading.Barrier(count)
        self._pool = ThreadPoolExecutor(count, "hibari")
        list(self._pool.map(lambda _: ready.wait(), range(count)))

    def ahead(self, items: Generator[T, None, None]) -> Generator[T, None, None]:
        """The items, of which the third and later ones are begun when the one before is taken: the first is not held up
        by the second. Closing it waits for the item that is being made, and closes `items`.
        """
        coming: Future[object] | None = None
        try:
            for _ in range(2):
                item: object = next(items, _END)
                if item is _END:
                    return
                yield cast(T, item)
            coming = self._submit(items)
            while (item := coming.result()) is not _END:
                coming = self._submit(items)
                yield cast(T, item)
        finally:
            if coming is not None and not coming.cancel():
                wait([coming])
            items.close()

    def close(self) -> None:
        """End the threads after the running steps."""
        self._pool.shutdown(wait=True)

    def _submit(self, items: Generator[T, None, None]) -> "Future[object]":
        try:
            return self._pool.submit(next, items, _END)
        except RuntimeError as error:
            raise unloaded() from error
