"""The language model: a Llama and its text tokenizer."""

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor

from voicebox_tts.engines.codec_models.parts import parts
from voicebox_tts.engines.codec_models.transformer import Transformer
from voicebox_tts.engines.codec_models.weights import StoredWeights, Weights
from voicebox_tts.engines.orpheus.tokens import CODEBOOK_SIZE, END_OF_SPEECH, FIRST_CODE, SLOTS

from . import tokenizer as tokens
from .config import OrpheusConfig
from .tokenizer import TextTokenizer

END = CODEBOOK_SIZE
"""The index of the end in a slot's logits, after its codes."""


class LanguageModel:
    """Text to codes. Immutable: any thread may use it at any time."""

    def __init__(self, weights: Weights, config: OrpheusConfig, tokenizer: TextTokenizer) -> None:
        """Gradients flow back to the weights where they ask for any."""
        self.config, self.tokenizer = config, tokenizer
        self.device, self.dtype = weights.device, weights.dtype
        shape = config.vocab_size, config.transformer.hidden_size
        self._embedding = weights("model.embed_tokens.weight", *shape)
        self.transformer = Transformer(weights, "model", config.transformer)
        head = weights("lm_head.weight", *shape) if config.has_own_head else self._embedding
        self._code_heads = [
            head[FIRST_CODE + slot * CODEBOOK_SIZE : FIRST_CODE + (slot + 1) * CODEBOOK_SIZE] for slot in range(SLOTS)
        ]
        self._end_head = head[END_OF_SPEECH : END_OF_SPEECH + 1]

    def embed(self, ids: Tensor) -> Tensor:
        """(T,) to (T, hidden_size)."""
        return F.embedding(ids, self._embedding)

    def logits(self, hidden: Tensor, slot: int) -> Tensor:
        """Of the codes of a slot, and the end: (B, hidden_size) to (B, CODEBOOK_SIZE + 1). No other token can be
        sampled, so that there are only whole frames, whose codes are valid.
        """
        return torch.cat((F.linear(hidden, self._code_heads[slot]), F.linear(hidden, self._end_head)), -1).float()

    @classmethod
    @torch.inference_mode()
    def load(
        cls,
        folder: Path,
        config: OrpheusConfig,
        device: torch.device,
        dtype: torch.dtype,
        adapt: Callable[[Weights], Weights] = lambda weights: weights,
    ) -> "LanguageModel":
        """The model in `folder`, with what `adapt` makes of its weights; StartError when weights are missing or do not
        fit its configuration.
        """
        with StoredWeights(parts(folder), device, dtype) as weights:
            return cls(adapt(weights), config, tokens.load(folder))
