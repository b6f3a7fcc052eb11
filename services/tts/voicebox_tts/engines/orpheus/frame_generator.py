"""Generates codes for a batch of streams, one frame of seven tokens at a time."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from voicebox_tts.engines.codec_models.cuda_graphs import Capture, powers_of_two
from voicebox_tts.engines.codec_models.noise import SamplingNoise
from voicebox_tts.engines.codec_models.sampling import apply_repetition_penalty, sample
from voicebox_tts.engines.codec_models.static_batch import BatchSizes, StaticBatch

from .model.language_model import END, LanguageModel
from .tokens import CODEBOOK_SIZE, FIRST_CODE, NUM_CODES, SLOTS

Prompt = NDArray[np.int64]
"""The ids of a prompt, (T,)."""


class FrameGenerator(StaticBatch):
    """The codes of a frame are (SLOTS,). The end may also be sampled within a frame, of which nothing is left then."""

    @torch.inference_mode()
    def __init__(self, model: LanguageModel, rows: int, max_tokens: int, *, capture: Capture | None = None) -> None:
        """`max_tokens` bounds a row's prompt and frames together. `capture` is CUDA graphs when it is None and on a
        GPU.
        """
        device, sizes = model.device, BatchSizes(rows, max_tokens, SLOTS, SLOTS)
        super().__init__(model.transformer, model.config.transformer, sizes, device, model.dtype)
        self._model = model
        self._seen = torch.zeros(rows, NUM_CODES, device=device, dtype=torch.bool)
        self._prompt = torch.zeros(max_tokens, device=device, dtype=torch.int64)
        self._capture(powers_of_two(1, rows), capture)

    @torch.inference_mode()
    def begin(self, row: int, prompt: Prompt, noise: SamplingNoise) -> None:
        """Read a prompt into a row. ValueError when it leaves no room for a frame; torch.OutOfMemoryError may come."""
        length = len(prompt)
        if length + SLOTS > self._max_tokens:
            raise ValueError(f"a prompt of {length} tokens leaves no room for a frame in {self._max_tokens}")
        self._seen[row] = False
        self._prompt[:length] = torch.from_numpy(prompt)
        self._begin(row, length, noise)

    def _embedded(self, length: int) -> Tensor:
        return self._model.embed(self._prompt[:length])

    def _row_tensors(self) -> Sequence[Tensor]:
        return self._hidden, self._position, self._seen

    def _frame(self, count: int, length: int) -> None:
        noise, advancing = self._input[:count, :-1], self._input[:count, -1] > 0
        hidden, codes = self._hidden[:count], []
        position = self._position[:count].clamp(max=self._max_tokens - SLOTS)
        ended = torch.zeros_like(advancing)
        for slot in range(SLOTS):
            code = self._sampled(hidden, slot, noise[:, slot])
            ended = ended | (code == END)
            codes.append(code.clamp(max=CODEBOOK_SIZE - 1))
            embedded = self._model.embed(FIRST_CODE + slot * CODEBOOK_SIZE + codes[-1])
            hidden = self._cached.step(embedded, position + slot, length)
        going_on = advancing & ~ended
        self._keep(count, hidden, torch.stack(codes, 1), going_on)
        self._output[:count, -1] = ended

    def _sampled(self, hidden: Tensor, slot: int, noise: Tensor) -> Tensor:
        """Of each row, the code of a slot, or the end."""
        sampling, logits = self._model.config.sampling, self._model.logits(hidden, slot)
        seen = self._seen[: len(hidden), slot * CODEBOOK_SIZE : (slot + 1) * CODEBOOK_SIZE]
        codes = apply_repetition_penalty(logits[:, :-1], seen, sampling.repetition_penalty)
        return sample(torch.cat((codes, logits[:, -1:]), 1), noise, sampling)

    def _keep(self, count: int, hidden: Tensor, codes: Tensor, going_on: Tensor) -> None:
        """The frame of the rows that go on; the others stay where they were."""
        state = self._hidden[:count]
        state.copy_(torch.where(going_on[:, None], hidden, state))
        seen = self._seen[:count]
        numbers = codes + CODEBOOK_SIZE * torch.arange(SLOTS, device=codes.device)
        seen.scatter_(1, numbers, seen.gather(1, numbers) | going_on[:, None])
        self._position[:count].add_(going_on * SLOTS)
        self._output[:count, :-1] = codes
