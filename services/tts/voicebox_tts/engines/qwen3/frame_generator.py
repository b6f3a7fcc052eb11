"""Generates codes for a batch of streams, one frame at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor

from voicebox_tts.engines.codec_models.cuda_graphs import Capture, powers_of_two
from voicebox_tts.engines.codec_models.noise import SamplingNoise
from voicebox_tts.engines.codec_models.sampling import apply_repetition_penalty, sample
from voicebox_tts.engines.codec_models.static_batch import BatchSizes, StaticBatch
from voicebox_tts.engines.qwen3.model import prompt_layout
from voicebox_tts.engines.qwen3.model.language_model import LanguageModel
from voicebox_tts.engines.qwen3.model.prompt_layout import PromptEmbeddings

MIN_FRAMES = 2
"""The end is not sampled before: the official package's `min_new_tokens`."""


class FrameGenerator(StaticBatch):
    """The codes of a frame are (num_code_groups,)."""

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
        sizes = BatchSizes(rows, max_tokens, config.num_code_groups, 1)
        super().__init__(model.talker.transformer, config.talker, sizes, device, dtype)
        self._model = model
        self._tts_pad = prompt_layout.pad_embedding(model)
        self._code_predictor_kv_cache = model.code_predictor.kv_cache(rows)
        self._row_numbers = torch.arange(rows, device=device)
        self._state = _State(
            hidden=self._hidden,
            position=self._position,
            frame=torch.zeros(rows, device=device, dtype=torch.int64),
            seen=torch.zeros(rows, model.talker.eos + 1, device=device, dtype=torch.bool),
            text=self._tts_pad.expand(rows, max_tokens, -1).clone(),
        )
        self._prompt = torch.zeros(max_tokens, config.talker.hidden_size, device=device, dtype=dtype)
        self._capture(counts or powers_of_two(1, rows), capture)

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
        self._prompt[:length] = prompt.inputs_embeds
        self._begin(row, length, noise)

    def _embedded(self, length: int) -> Tensor:
        return self._prompt[:length]

    def _row_tensors(self) -> Sequence[Tensor]:
        return self._state.tensors()

    def _frame(self, count: int, length: int) -> None:
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
        hidden = self._cached.step(
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
