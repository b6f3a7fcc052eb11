"""CUDA graphs: a frame is some 2,000 kernels of a few microseconds, and launching them one by one takes longer than
running them.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import partial

import torch

SHORTEST_LENGTH = 64

Capture = Callable[[Callable[[], None]], Callable[[], None]]
"""Does work once, and returns what repeats it."""


StaticWork = Callable[[int, int], None]
"""Work of a count and a length: it reads and writes the same memory at every call with the same two, without a look at
values, and may be called with greater ones than are in use.
"""


class CapturedWork:
    """StaticWork work, recorded once for each of some counts and lengths, and then done again."""

    def __init__(self, work: StaticWork, counts: Sequence[int], lengths: Sequence[int], capture: Capture) -> None:
        """`counts` and `lengths` ascend."""
        self._work, self._counts, self._lengths, self._capture = work, counts, lengths, capture
        self._captured: dict[tuple[int, int], Callable[[], None]] = {}

    def __call__(self, count: int, length: int) -> None:
        size = _at_least(self._counts, count), _at_least(self._lengths, length)
        if replay := self._captured.get(size):
            replay()
        else:
            self._captured[size] = self._capture(partial(self._work, *size))

    def capture_all(self) -> None:
        """Do all sizes once, the greatest first, whose memory serves the others."""
        for count in reversed(self._counts):
            for length in reversed(self._lengths):
                self(count, length)


class CudaGraphs:
    """Records CUDA graphs that share their memory: they must not run at the same time."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, work: Callable[[], None]) -> Callable[[], None]:
        """The work is done beside the main stream, where libraries choose their kernels and allocate, and then only
        recorded.
        """
        with torch.cuda.device(self._device):
            stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch gives it no types
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                work()
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            # Only this thread is watched for calls that cannot be recorded: another may load or unload a model
            # meanwhile.
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
                work()
        replay: Callable[[], None] = graph.replay
        return replay


def powers_of_two(first: int, last: int) -> list[int]:
    """first, twice that, ..., last: none is more than twice as much as needed."""
    sizes = [first << power for power in range(last.bit_length())]
    return [*(size for size in sizes if size < last), last]


def _at_least(sizes: Sequence[int], size: int) -> int:
    """The smallest of ascending `sizes` that is not smaller."""
    return sizes[bisect_left(sizes, size)]
