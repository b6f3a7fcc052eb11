"""Generates codes for a batch of streams, one frame at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from numpy.typing import NDArray
from torch import Tensor

from voicebox_tts.engines.qwen3.cuda_graphs import (
    SHORTEST_LENGTH,
    Capture,
    CapturedWork,
    CudaGraphs,
    StaticWork,
    powers_of_two,
)
from voicebox_tts.engines.qwen3.model import prompt_layout
from voicebox_tts.engines.qwen3.model.language_model import LanguageModel
from voicebox_tts.engines.qwen3.model.prompt_layout import PromptEmbeddings
from voicebox_tts.engines.qwen3.model.sampling import apply_repetition_penalty, sample
from voicebox_tts.engines.qwen3.model.transformer import (
    KvCache,
    RotaryEmbedding,
    causal_attention,
    grouped_query_attention,
)
from voicebox_tts.engines.qwen3.noise import SamplingNoise

MIN_FRAMES = 2
"""The end is not sampled before: the official package's `min_new_tokens`."""


@dataclass(frozen=True)
class Step:
    """A frame of every row: codes (B, num_code_groups), and whether the row ended (B,): the end token was sampled.

    The codes of rows that ended or did not advance are meaningless.
    """

    codes: NDArray[np.int64]
    ended: NDArray[np.bool_]


class FrameGenerator:
    """A static batch: the state of all rows is allocated once, and rows 0 to n-1 are in use. Used by one thread at a
    time.
    """

    @torch.inference_mode()
    def __init__(
        self,
        model: LanguageModel,
        rows: int,
        max_tokens: int,
        *,
        counts: Sequence[int] = (),
        capture: Capture | None = None,
    ) -> None:
        """`max_tokens` bounds a row's prompt and frames together.

        On a GPU frames are made for 1, 2, 4, ... rows at a time, or for one of `counts`, the last of which is `rows`:
        numbers differ in their last bits from one to the next, and with one count alone, a stream's codes never depend
        on how many others there are. `capture` is CUDA graphs when it is None and on a GPU.
        """
        config, device, dtype = model.config, model.device, model.dtype
        hidden_size, num_code_groups = config.talker.hidden_size, config.num_code_groups
        self._model, self._max_tokens = model, max_tokens
        self._tts_pad = prompt_layout.pad_embedding(model)
        self._rotary_embedding = RotaryEmbedding(config.talker, max_tokens, device, dtype)
        self._kv_cache = KvCache(config.talker, rows, max_tokens, device, dtype)
        self._code_predictor_kv_cache = model.code_predictor.kv_cache(rows)
        self._row_numbers = torch.arange(rows, device=device)
        self._positions = torch.arange(max_tokens, device=device)
        self._state = _State(
            hidden=torch.zeros(rows, hidden_size, device=device, dtype=dtype),
            position=torch.zeros(rows, device=device, dtype=torch.int64),
            frame=torch.zeros(rows, device=device, dtype=torch.int64),
            seen=torch.zeros(rows, model.talker.eos + 1, device=device, dtype=torch.bool),
            text=self._tts_pad.expand(rows, max_tokens, -1).clone(),
        )
        self._prompt = torch.zeros(max_tokens, hidden_size, device=device, dtype=dtype)
        self._prompt_position = torch.zeros(2, device=device, dtype=torch.int64)
        pinned = device.type == "cuda"
        self._pinned_input = torch.zeros(rows, num_code_groups + 1, pin_memory=pinned)
        self._input = torch.zeros(rows, num_code_groups + 1, device=device)
        self._output = torch.zeros(rows, num_code_groups + 1, device=device, dtype=torch.int64)
        self._noises: list[SamplingNoise | None] = [None] * rows
        self._frames = np.zeros(rows, np.int64)
        self._lengths = np.zeros(rows, np.int64)
        self._read: StaticWork = self._prefill
        self._advance: StaticWork = self._frame
        if device.type == "cuda" and capture is None:
            capture = CudaGraphs(device)
        if capture:
            lengths = powers_of_two(SHORTEST_LENGTH, max_tokens)
            self._read = CapturedWork(self._prefill, (1,), lengths, capture)
            self._advance = CapturedWork(self._frame, counts or powers_of_two(1, rows), lengths, capture)

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
    def begin(self, row: int, prompt: PromptEmbeddings, noise: SamplingNoise) -> None:
        """Read a prompt into a row. ValueError when it leaves no room for a frame; torch.OutOfMemoryError may come."""
        length = len(prompt.inputs_embeds)
        if length + len(prompt.trailing_text) > self._max_tokens:
            raise ValueError(
                f"a prompt of {length + len(prompt.trailing_text)} tokens is longer than {self._max_tokens}"
            )
        state = self._state
        state.text[row] = self._tts_pad
        state.text[row, : len(prompt.trailing_text)] = prompt.trailing_text
        state.seen[row] = False
        state.frame[row] = 0
        state.position[row] = length
        self._prompt[:length] = prompt.inputs_embeds
        self._prompt_position.copy_(torch.tensor([row, length - 1]))
        self._read(1, length)
        self._noises[row] = noise
        self._frames[row], self._lengths[row] = 0, length

    @torch.inference_mode()
    def step(self, count: int, advancing: NDArray[np.bool_]) -> Step:
        """One frame of the rows 0 to count-1 that are `advancing`, shape (count,). The others stay as they are.

        A row that is full ends.
        """
        full = advancing & (self._lengths[:count] >= self._max_tokens)
        making = advancing & ~full
        given = self._pinned_input.numpy()
        for row in np.flatnonzero(making):
            noise = self._noises[row]
            assert noise is not None
            given[row, :-1] = noise.frame(int(self._frames[row]))
        given[:, -1] = 0.0
        given[:count, -1] = making
        self._input.copy_(self._pinned_input, non_blocking=True)
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
        self._kv_cache.move(source, target)
        for tensor in self._state.tensors():
            tensor[target] = tensor[source]
        self._noises[target] = self._noises[source]
        self._frames[target], self._lengths[target] = self._frames[source], self._lengths[source]

    def _prefill(self, _: int, length: int) -> None:
        """Read `_prompt` into the row and up to the last token, given by `_prompt_position`. What stands after that is
        never looked at.
        """
        row, last = self._prompt_position[:1], self._prompt_position[1:]

        def attention(layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
            for cached, new in zip(self._kv_cache.layers[layer], (keys, values), strict=True):
                cached[:, :length].index_copy_(0, row, new)
            return causal_attention(queries, keys, values)

        cos, sin = (table[:length, None] for table in (self._rotary_embedding.cos, self._rotary_embedding.sin))
        read = self._model.talker.transformer(self._prompt[None, :length], cos, sin, attention)
        self._state.hidden.index_copy_(0, row, read[0].index_select(0, last))

    def _frame(self, count: int, length: int) -> None:
        """One frame of the first `count` rows, none of which is longer than `length` after it.

        It reads `_input`, changes the state in place and writes `_output`: the same work for whatever stands in them,
        as a graph needs it.
        """
        model, state = self._model, self._state.first(count)
        noise, advancing = self._input[:count, :-1], self._input[:count, -1] > 0
        first = self._sample_first_code(state, noise[:, 0])
        ended = first == model.talker.eos
        first = first.clamp(max=model.talker.eos - 1)
        embedded = F.embedding(first, model.talker.codec_embedding)
        others = model.code_predictor(
            state.hidden, embedded, noise[:, 1:], self._code_predictor_kv_cache, model.config.subtalker_sampling
        )
        codes = torch.cat((first[:, None], others), 1)
        text = state.text[self._row_numbers[:count], state.frame.clamp(max=self._max_tokens - 1)]
        hidden = self._talker_step(
            model.embed_codes(codes) + text, state.position.clamp(max=self._max_tokens - 1), length
        )
        going_on = advancing & ~ended
        state.hidden.copy_(torch.where(going_on[:, None], hidden, state.hidden))
        state.seen.scatter_(1, first[:, None], state.seen.gather(1, first[:, None]) | going_on[:, None])
        state.position.add_(going_on)
        state.frame.add_(going_on)
        self._output[:count, :-1] = codes
        self._output[:count, -1] = ended

    def _sample_first_code(self, state: "_State", noise: Tensor) -> Tensor:
        """Of each row, the code of the first codebook, or the end."""
        sampling = self._model.config.sampling
        logits = apply_repetition_penalty(
            self._model.talker.logits(state.hidden), state.seen, sampling.repetition_penalty
        )
        logits[:, -1].masked_fill_(state.frame < MIN_FRAMES, -torch.inf)
        return sample(logits, noise, sampling)

    def _talker_step(self, x: Tensor, position: Tensor, length: int) -> Tensor:
        """The talker's last hidden state (B, hidden_size) after one more token of each row, at `position` (B,)."""
        rows = self._row_numbers[: len(x)]
        readable = (self._positions[:length] <= position[:, None])[:, None, None]
        mask = torch.zeros_like(readable, dtype=x.dtype).masked_fill_(~readable, -torch.inf)

        def attention(layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
            cached_keys, cached_values = self._kv_cache.layers[layer]
            cached_keys[rows, position] = keys[:, 0]
            cached_values[rows, position] = values[:, 0]
            return grouped_query_attention(
                queries, cached_keys[: len(x), :length], cached_values[: len(x), :length], mask
            )

        cos, sin = (
            table[position][:, None, None] for table in (self._rotary_embedding.cos, self._rotary_embedding.sin)
        )
        return self._model.talker.transformer(x[:, None], cos, sin, attention)[:, 0]


@dataclass(frozen=True, eq=False)
class _State:
    """The state of the rows besides their keys and values."""

    hidden: Tensor
    """(B, hidden_size): the talker's last hidden state, from which the next frame is sampled."""
    position: Tensor
    """(B,): the number of tokens so far."""
    frame: Tensor
    """(B,): the number of frames so far."""
    seen: Tensor
    """(B, codebook_size + 1): the first codes that were sampled, for the repetition penalty."""
    text: Tensor
    """(B, max_tokens, hidden_size): the trailing text, one token for each frame."""

    def tensors(self) -> tuple[Tensor, ...]:
        return self.hidden, self.position, self.frame, self.seen, self.text

    def first(self, count: int) -> "_State":
        """The same memory, of the first rows."""
        return _State(*(tensor[:count] for tensor in self.tensors()))
