"""Makes speech of many rows, one frame at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from numpy.typing import NDArray
from torch import Tensor

from voicebox_tts.engines.qwen3.cuda_graphs import SHORTEST_LENGTH, CudaGraphs, Recorded, Recorder, Static, doubling
from voicebox_tts.engines.qwen3.model import prompt_layout as prompts
from voicebox_tts.engines.qwen3.model.language_model import LanguageModel
from voicebox_tts.engines.qwen3.model.prompt_layout import Layout
from voicebox_tts.engines.qwen3.model.sampling import choose, penalised
from voicebox_tts.engines.qwen3.model.transformer import Cache, Rotation, causal, grouped
from voicebox_tts.engines.qwen3.noise import Noise

FEWEST_FRAMES = 2
"""The end is not chosen before: the official package's bound."""


@dataclass(frozen=True)
class Step:
    """A frame of every row: codes (rows, groups), and whether the row ended, shape (rows,): the end token came instead
    of a frame.

    What stands in `codes` of rows that ended or did not advance means nothing.
    """

    codes: NDArray[np.int64]
    ended: NDArray[np.bool_]


class Frames:
    """The state of rows that speak, allocated once. Rows in use are 0 to n-1. Used by one thread at a time."""

    @torch.inference_mode()
    def __init__(
        self,
        model: LanguageModel,
        rows: int,
        longest: int,
        *,
        counts: Sequence[int] = (),
        recorder: Recorder | None = None,
    ) -> None:
        """`longest` bounds a row's prompt and frames together.

        On a GPU frames are made for 1, 2, 4, ... rows at a time, or for one of `counts`, the last of which is `rows`:
        numbers differ in their last bits from one to the next, and with one count alone, a stream's codes never depend
        on how many others there are. `recorder` is CUDA graphs when it is None and on a GPU.
        """
        config, device, dtype = model.config, model.device, model.dtype
        width, groups = config.talker.width, config.groups
        self._model, self._longest = model, longest
        self._pad = prompts.pad(model)
        self._rotation = Rotation(config.talker, longest, device, dtype)
        self._cache = Cache(config.talker, rows, longest, device, dtype)
        self._predictor_cache = model.predictor.cache(rows)
        self._row_numbers = torch.arange(rows, device=device)
        self._places = torch.arange(longest, device=device)
        self._state = _State(
            hidden=torch.zeros(rows, width, device=device, dtype=dtype),
            position=torch.zeros(rows, device=device, dtype=torch.int64),
            frame=torch.zeros(rows, device=device, dtype=torch.int64),
            seen=torch.zeros(rows, model.talker.end + 1, device=device, dtype=torch.bool),
            text=self._pad.expand(rows, longest, -1).clone(),
        )
        self._prompt = torch.zeros(longest, width, device=device, dtype=dtype)
        self._prompt_place = torch.zeros(2, device=device, dtype=torch.int64)
        pinned = device.type == "cuda"
        self._given = torch.zeros(rows, groups + 1, pin_memory=pinned)
        self._input = torch.zeros(rows, groups + 1, device=device)
        self._output = torch.zeros(rows, groups + 1, device=device, dtype=torch.int64)
        self._noises: list[Noise | None] = [None] * rows
        self._frames = np.zeros(rows, np.int64)
        self._lengths = np.zeros(rows, np.int64)
        self._read: Static = self._prefill
        self._advance: Static = self._frame
        if device.type == "cuda" and recorder is None:
            recorder = CudaGraphs(device)
        if recorder:
            lengths = doubling(SHORTEST_LENGTH, longest)
            self._read = Recorded(self._prefill, (1,), lengths, recorder)
            self._advance = Recorded(self._frame, counts or doubling(1, rows), lengths, recorder)

    @torch.inference_mode()
    def warm_up(self) -> None:
        """Record all graphs, while no row is in use. Without, each is recorded when it is first needed, and that frame
        comes late.
        """
        self._input.zero_()
        for work in (self._read, self._advance):
            if isinstance(work, Recorded):
                work.record_all()

    @torch.inference_mode()
    def begin(self, row: int, layout: Layout, noise: Noise) -> None:
        """Read a prompt into a row. ValueError when it leaves no room for a frame; torch.OutOfMemoryError may come."""
        length = len(layout.embeds)
        if length + len(layout.text) > self._longest:
            raise ValueError(f"a prompt of {length + len(layout.text)} tokens is longer than {self._longest}")
        state = self._state
        state.text[row] = self._pad
        state.text[row, : len(layout.text)] = layout.text
        state.seen[row] = False
        state.frame[row] = 0
        state.position[row] = length
        self._prompt[:length] = layout.embeds
        self._prompt_place.copy_(torch.tensor([row, length - 1]))
        self._read(1, length)
        self._noises[row] = noise
        self._frames[row], self._lengths[row] = 0, length

    @torch.inference_mode()
    def step(self, count: int, advancing: NDArray[np.bool_]) -> Step:
        """One frame of the rows 0 to count-1 that are `advancing`, shape (count,). The others stay as they are.

        A row that is full ends.
        """
        full = advancing & (self._lengths[:count] >= self._longest)
        making = advancing & ~full
        given = self._given.numpy()
        for row in np.flatnonzero(making):
            noise = self._noises[row]
            assert noise is not None
            given[row, :-1] = noise.frame(int(self._frames[row]))
        given[:, -1] = 0.0
        given[:count, -1] = making
        self._input.copy_(self._given, non_blocking=True)
        self._advance(count, int(self._lengths[:count][making].max(initial=0)) + 1)
        output = self._output[:count].to("cpu", copy=True).numpy()
        ended = output[:, -1].astype(np.bool_) & making
        made = making & ~ended
        self._frames[:count] += made
        self._lengths[:count] += made
        return Step(output[:, :-1], ended | full)

    @torch.inference_mode()
    def move(self, source: int, target: int) -> None:
        """Put a row's state in place of another's."""
        self._cache.move(source, target)
        for tensor in self._state.tensors():
            tensor[target] = tensor[source]
        self._noises[target] = self._noises[source]
        self._frames[target], self._lengths[target] = self._frames[source], self._lengths[source]

    def _prefill(self, _: int, length: int) -> None:
        """Read `_prompt` into the row and up to the last token that `_prompt_place` tells. What stands after that is
        never looked at.
        """
        row, last = self._prompt_place[:1], self._prompt_place[1:]

        def attention(layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
            for kept, new in zip(self._cache.layers[layer], (keys, values), strict=True):
                kept[:, :length].index_copy_(0, row, new)
            return causal(queries, keys, values)

        cos, sin = (table[:length, None] for table in (self._rotation.cos, self._rotation.sin))
        read = self._model.talker.transformer(self._prompt[None, :length], cos, sin, attention)
        self._state.hidden.index_copy_(0, row, read[0].index_select(0, last))

    def _frame(self, count: int, length: int) -> None:
        """One frame of the first `count` rows, none of which is longer than `length` after it.

        It reads `_input`, changes the state in place and writes `_output`: the same work for whatever stands in them,
        as a graph needs it.
        """
        model, state = self._model, self._state.first(count)
        noise, advancing = self._input[:count, :-1], self._input[:count, -1] > 0
        first = self._first_code(state, noise[:, 0])
        ended = first == model.talker.end
        first = first.clamp(max=model.talker.end - 1)
        embedded = F.embedding(first, model.talker.embedding)
        others = model.predictor(state.hidden, embedded, noise[:, 1:], self._predictor_cache, model.config.predicting)
        codes = torch.cat((first[:, None], others), 1)
        text = state.text[self._row_numbers[:count], state.frame.clamp(max=self._longest - 1)]
        hidden = self._talk(model.embedded(codes) + text, state.position.clamp(max=self._longest - 1), length)
        going_on = advancing & ~ended
        state.hidden.copy_(torch.where(going_on[:, None], hidden, state.hidden))
        state.seen.scatter_(1, first[:, None], state.seen.gather(1, first[:, None]) | going_on[:, None])
        state.position.add_(going_on)
        state.frame.add_(going_on)
        self._output[:count, :-1] = codes
        self._output[:count, -1] = ended

    def _first_code(self, state: "_State", noise: Tensor) -> Tensor:
        """Of each row, the code of the first group, or the end."""
        sampling = self._model.config.choosing
        logits = penalised(self._model.talker.logits(state.hidden), state.seen, sampling.repetition_penalty)
        logits[:, -1].masked_fill_(state.frame < FEWEST_FRAMES, -torch.inf)
        return choose(logits, noise, sampling)

    def _talk(self, x: Tensor, position: Tensor, length: int) -> Tensor:
        """The talker's state after one token of each row, (rows, width), at `position` (rows,)."""
        rows = self._row_numbers[: len(x)]
        readable = (self._places[:length] <= position[:, None])[:, None, None]
        mask = torch.zeros_like(readable, dtype=x.dtype).masked_fill_(~readable, -torch.inf)

        def attention(layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
            known_keys, known_values = self._cache.layers[layer]
            known_keys[rows, position] = keys[:, 0]
            known_values[rows, position] = values[:, 0]
            return grouped(queries, known_keys[: len(x), :length], known_values[: len(x), :length], mask)

        cos, sin = (table[position][:, None, None] for table in (self._rotation.cos, self._rotation.sin))
        return self._model.talker.transformer(x[:, None], cos, sin, attention)[:, 0]


@dataclass(frozen=True, eq=False)
class _State:
    """What a row remembers beside its keys and values. All have a row each."""

    hidden: Tensor
    """(rows, width): the talker's, from which the next frame is made."""
    position: Tensor
    """(rows,): how many tokens it has read."""
    frame: Tensor
    """(rows,): how many frames it made."""
    seen: Tensor
    """(rows, sounds + 1): the first codes that it chose."""
    text: Tensor
    """(rows, longest, width): what it reads with each frame."""

    def tensors(self) -> tuple[Tensor, ...]:
        return self.hidden, self.position, self.frame, self.seen, self.text

    def first(self, count: int) -> "_State":
        """The same memory, of the first rows."""
        return _State(*(tensor[:count] for tensor in self.tensors()))
