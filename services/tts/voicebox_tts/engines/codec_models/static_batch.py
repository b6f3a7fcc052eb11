"""A batch of streams whose state is allocated once, so that a GPU can replay its work as graphs: what the generators of
codes share.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .cached_transformer import CachedTransformer
from .config import TransformerConfig
from .cuda_graphs import SHORTEST_LENGTH, Capture, CapturedWork, CudaGraphs, StaticWork, powers_of_two
from .noise import SamplingNoise
from .transformer import Transformer


@dataclass(frozen=True)
class Step:
    """A frame of every row: its codes, shape (B, codes), and whether the row ended instead, shape (B,).

    The codes of rows that ended or did not advance are meaningless.
    """

    codes: NDArray[np.int64]
    ended: NDArray[np.bool_]


@dataclass(frozen=True)
class BatchSizes:
    """`max_tokens` bounds a row's prompt and frames together; a frame is `codes` codes, and `frame_tokens` tokens."""

    rows: int
    max_tokens: int
    codes: int
    frame_tokens: int


class StaticBatch(ABC):
    """The state of all rows is allocated once, and rows 0 to n-1 are in use. Used by one thread at a time."""

    def __init__(
        self,
        transformer: Transformer,
        config: TransformerConfig,
        sizes: BatchSizes,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        """Subclasses allocate the rest, and then call `_capture`."""
        rows, max_tokens = sizes.rows, sizes.max_tokens
        self._sizes, self._device, self._max_tokens = sizes, device, max_tokens
        self._cached = CachedTransformer(transformer, config, rows, max_tokens, device, dtype)
        self._hidden = torch.zeros(rows, config.hidden_size, device=device, dtype=dtype)
        """The last hidden state of each row, from which the next frame is sampled."""
        self._position = torch.zeros(rows, device=device, dtype=torch.int64)
        """The number of tokens of each row so far."""
        self._prompt_position = torch.zeros(2, device=device, dtype=torch.int64)
        self._pinned_input = torch.zeros(rows, sizes.codes + 1, pin_memory=device.type == "cuda")
        self._input = torch.zeros(rows, sizes.codes + 1, device=device)
        self._output = torch.zeros(rows, sizes.codes + 1, device=device, dtype=torch.int64)
        self._noises: list[SamplingNoise | None] = [None] * rows
        self._frames, self._lengths = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
        self._read: StaticWork = self._prefill
        self._advance: StaticWork = self._frame

    def _capture(self, counts: Sequence[int], capture: Capture | None) -> None:
        """On a GPU, or with `capture`, replay the work of these counts of rows as graphs."""
        if self._device.type == "cuda" and capture is None:
            capture = CudaGraphs(self._device)
        if capture:
            lengths = powers_of_two(SHORTEST_LENGTH, self._max_tokens)
            self._read = CapturedWork(self._prefill, (1,), lengths, capture)
            self._advance = CapturedWork(self._frame, counts, lengths, capture)

    @torch.inference_mode()
    def warm_up(self) -> None:
        """Capture all graphs, while no row is in use. Without, each is captured when it is first needed, and that frame
        comes late.
        """
        self._input.zero_()
        for work in (self._read, self._advance):
            if isinstance(work, CapturedWork):
                work.capture_all()

    @torch.inference_mode()
    def step(self, count: int, advancing: NDArray[np.bool_]) -> Step:
        """One frame of the rows 0 to count-1 that are `advancing`, shape (count,). The others stay as they are.

        A row that is full ends.
        """
        full = advancing & (self._lengths[:count] + self._sizes.frame_tokens > self._max_tokens)
        making = advancing & ~full
        given = self._pinned_input.numpy()
        for row in np.flatnonzero(making):
            noise = self._noises[row]
            assert noise is not None
            given[row, :-1] = noise.frame(int(self._frames[row]))
        given[:, -1] = 0.0
        given[:count, -1] = making
        self._input.copy_(self._pinned_input, non_blocking=True)
        self._advance(count, int(self._lengths[:count][making].max(initial=0)) + self._sizes.frame_tokens)
        output = self._output[:count].to("cpu", copy=True).numpy()
        ended = output[:, -1].astype(np.bool_) & making
        made = making & ~ended
        self._frames[:count] += made
        self._lengths[:count] += made * self._sizes.frame_tokens
        return Step(output[:, :-1], ended | full)

    @torch.inference_mode()
    def move(self, source: int, target: int) -> None:
        """Put a row's state in place of another's."""
        self._cached.move(source, target)
        for tensor in self._row_tensors():
            tensor[target] = tensor[source]
        self._noises[target] = self._noises[source]
        self._frames[target], self._lengths[target] = self._frames[source], self._lengths[source]

    @abstractmethod
    def _embedded(self, length: int) -> Tensor:
        """The first `length` tokens of the prompt that is being read, embedded, shape (length, hidden_size)."""

    @abstractmethod
    def _row_tensors(self) -> Sequence[Tensor]:
        """The state of the rows besides their keys and values."""

    @abstractmethod
    def _frame(self, count: int, length: int) -> None:
        """One frame of the first `count` rows, none of which is longer than `length` after it.

        It reads `_input`, changes the state in place and writes `_output`: the same work for whatever stands in them,
        as a graph needs it.
        """

    def _begin(self, row: int, length: int, noise: SamplingNoise) -> None:
        """Read a prompt of so many tokens, which has been put in place, into a row."""
        self._position[row] = length
        self._prompt_position.copy_(torch.tensor([row, length - 1]))
        self._read(1, length)
        self._noises[row] = noise
        self._frames[row], self._lengths[row] = 0, length

    def _prefill(self, _: int, length: int) -> None:
        """Read the prompt into the row and up to the last token, given by `_prompt_position`. What stands after that is
        never looked at.
        """
        row, last = self._prompt_position[:1], self._prompt_position[1:]
        read = self._cached.read(row, self._embedded(length))
        self._hidden.index_copy_(0, row, read.index_select(0, last))
