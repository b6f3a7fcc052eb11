"""Decodes the windows of all streams and files of one model together."""

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from voicebox_kit.errors import Exhausted, Unavailable

LIVE_BATCHES_IN_A_ROW = 4
"""After this many live batches a waiting file is next: live streams go first, but files always progress."""

GATHER_SECONDS = 0.003
"""How long the next batch waits for live streams without a window: they are about to react to the last batch."""

FILE_SHARE = 4
"""Batches of files are smaller by this factor while a live stream is open: the stream waits for the running batch."""

TIDY_SECONDS = 5.0
"""While batch follows batch, free memory is given back so often."""

IDLE_SECONDS = 1.0
"""So long after the last batch free memory is given back."""


class Keyed(Protocol):
    """A window of audio, as far as batching goes."""

    @property
    def key(self) -> Hashable:
        """Windows with the same key can be decoded in one batch."""


W = TypeVar("W", bound=Keyed)
R = TypeVar("R")


@dataclass(frozen=True)
class _Waiting(Generic[W, R]):
    window: W
    future: Future[R] = field(default_factory=Future)
    """It stays pending until its result is there, so that it can be cancelled even while it is decoded."""


class Scheduler(Generic[W, R]):
    """One thread that decodes waiting windows, as many at once as fit together. No batch waits for files."""

    def __init__(
        self,
        decode: Callable[[Sequence[W]], Sequence[R]],
        batch_size: int,
        queue_size: int,
        tidy: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`decode` gives one result for each window, and raises MemoryError when the batch is too large for the device.

        `tidy` gives memory back that batches have freed; it is called between batches, and once when no more come.
        """
        self._decode = decode
        self._tidy = tidy
        self._clock = clock
        self._batch_size = batch_size
        self._queue_size = queue_size
        self._live: deque[_Waiting[W, R]] = deque()
        self._files: deque[_Waiting[W, R]] = deque()
        self._changed = threading.Condition()
        self._live_streams = 0
        self._live_in_a_row = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="whisper", daemon=True)
        self._thread.start()

    @property
    def batch_size(self) -> int:
        """How many windows are decoded at once; halved when the device runs out of memory."""
        return self._batch_size

    def submit(self, window: W, *, live: bool) -> Future[R]:
        """Have a window decoded; as `submit_all`."""
        return self.submit_all([window], live=live)[0]

    def submit_all(self, windows: Sequence[W], *, live: bool) -> list[Future[R]]:
        """Queue windows for decoding, in common batches where possible. A future can be cancelled at any time.

        Raises Exhausted when too many wait, Unavailable when the scheduler is closed.
        """
        with self._changed:
            if self._closed:
                raise _closed()
            if len(self._live) + len(self._files) + len(windows) > self._queue_size:
                raise Exhausted(
                    "RECOGNISER_BUSY", f"{self._queue_size} windows of audio already wait to be recognised.", 1.0
                )
            waiting: list[_Waiting[W, R]] = [_Waiting(window) for window in windows]
            (self._live if live else self._files).extend(waiting)
            self._changed.notify()
        return [each.future for each in waiting]

    def live_opened(self) -> None:
        """A live stream begins."""
        with self._changed:
            self._live_streams += 1

    def live_closed(self) -> None:
        """A live stream ends."""
        with self._changed:
            self._live_streams -= 1

    def close(self) -> None:
        """Fail what waits with Unavailable, and return when the batch that runs is done."""
        with self._changed:
            self._closed = True
            waiting = [*self._live, *self._files]
            self._live.clear()
            self._files.clear()
            self._changed.notify()
        for each in waiting:
            _fail(each.future, _closed())
        self._thread.join()

    def _run(self) -> None:
        tidied = self._clock()
        while batch := self._next():
            self._decode_batch(batch)
            batch.clear()
            if self._clock() - tidied >= TIDY_SECONDS or not self._is_expected():
                self._tidy()
                tidied = self._clock()

    def _is_expected(self) -> bool:
        """Whether there is something to do, now or within a second."""
        with self._changed:
            return self._changed.wait_for(self._has_work, IDLE_SECONDS)

    def _has_work(self) -> bool:
        return self._closed or bool(self._live or self._files)

    def _next(self) -> list[_Waiting[W, R]]:
        """The next batch; empty once the scheduler is closed."""
        with self._changed:
            while True:
                self._changed.wait_for(self._has_work)
                if self._live:
                    self._changed.wait_for(self._is_gathered, GATHER_SECONDS)
                if self._closed:
                    return []
                if batch := self._choose():
                    return batch

    def _is_gathered(self) -> bool:
        return self._closed or len(self._live) >= min(self._live_streams, self._batch_size)

    def _choose(self) -> list[_Waiting[W, R]]:
        turn_of_files = bool(self._files) and self._live_in_a_row >= LIVE_BATCHES_IN_A_ROW
        if self._live and not turn_of_files:
            self._live_in_a_row += 1
            return _take(self._live, self._batch_size)
        self._live_in_a_row = 0
        return _take(self._files, max(1, self._batch_size // FILE_SHARE) if self._live_streams else self._batch_size)

    def _decode_batch(self, batch: Sequence[_Waiting[W, R]]) -> None:
        try:
            results = self._decode([each.window for each in batch])
        except MemoryError:
            self._decode_halves(batch)
        except Exception as error:
            for each in batch:
                _fail(each.future, error)
        else:
            for each, result in zip(batch, results, strict=True):
                with suppress(InvalidStateError):  # cancelled
                    each.future.set_result(result)

    def _decode_halves(self, batch: Sequence[_Waiting[W, R]]) -> None:
        if len(batch) == 1:
            _fail(
                batch[0].future,
                Exhausted("OUT_OF_MEMORY", "The recogniser's device has too little memory left for this.", 10.0),
            )
            return
        half = len(batch) // 2
        self._batch_size = max(1, min(self._batch_size, half))
        self._decode_batch(batch[:half])
        self._decode_batch(batch[half:])


def _take(queue: deque[_Waiting[W, R]], count: int) -> list[_Waiting[W, R]]:
    """Take the oldest window and those that fit it; the order of others stays. Cancelled ones are dropped."""
    taken: list[_Waiting[W, R]] = []
    left: list[_Waiting[W, R]] = []
    for each in queue:
        if each.future.cancelled():
            continue
        fits = len(taken) < count and (not taken or each.window.key == taken[0].window.key)
        (taken if fits else left).append(each)
    queue.clear()
    queue.extend(left)
    return taken


def _fail(future: Future[R], error: Exception) -> None:
    with suppress(InvalidStateError):  # cancelled
        future.set_exception(error)


def _closed() -> Unavailable:
    return Unavailable("MODEL_UNLOADED", "The model was unloaded.")


def outcome(future: Future[R]) -> R:
    """What a future brings; Unavailable when it was cancelled."""
    try:
        return future.result()
    except CancelledError:
        raise Unavailable("INTERRUPTED", "The recognition was interrupted.") from None
