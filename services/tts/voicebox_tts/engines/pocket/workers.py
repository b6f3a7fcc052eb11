"""The threads that run a model, each on one core, however many streams there are."""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import torch
from voicebox_kit.errors import Unavailable

P = ParamSpec("P")
R = TypeVar("R")


class Workers:
    """Runs steps in order of arrival. A step makes one frame, so that a new stream begins soon beside any others.

    Steps that are split between cores are slower here: a frame's products are small, and a core that something else
    uses holds up all others. So each thread computes alone. torch has a number of threads for each thread that sets it,
    besides the one that threads begin with; the latter is put back.
    """

    def __init__(self, count: int) -> None:
        before = torch.get_num_threads()
        ready = threading.Barrier(count)
        self._pool = ThreadPoolExecutor(count, "pocket", initializer=torch.set_num_threads, initargs=(1,))
        list(self._pool.map(lambda _: ready.wait(), range(count)))
        torch.set_num_threads(before)

    def submit(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Have work done; Unavailable when the workers are closed."""
        try:
            return self._pool.submit(work, *args, **kwargs)
        except RuntimeError as error:
            raise _closed() from error

    def close(self) -> None:
        """End the threads after the running steps; waiting steps fail."""
        self._pool.shutdown(cancel_futures=True)


def outcome(future: Future[R]) -> R:
    """What the work gave; Unavailable when it was not done because the workers were closed."""
    try:
        return future.result()
    except CancelledError as error:
        raise _closed() from error


def _closed() -> Unavailable:
    return Unavailable("MODEL_UNLOADED", "The model was unloaded while it was in use.", 1.0)
