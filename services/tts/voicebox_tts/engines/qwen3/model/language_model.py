"""The language model: the talker, the code predictor and the text tokenizer."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor

from voicebox_tts.engines.codec_models.parts import parts
from voicebox_tts.engines.codec_models.weights import RandomWeights, StoredWeights, Weights

from . import tokenizer as tokens
from .code_predictor import CodePredictor, codec_embeddings
from .config import ModelConfig
from .talker import Talker
from .tokenizer import TextTokenizer


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """Text to codes. Immutable: any thread may use it at any time."""

    config: ModelConfig
    device: torch.device
    dtype: torch.dtype
    tokenizer: TextTokenizer
    talker: Talker
    code_predictor: CodePredictor
    codec_embeddings: Tensor
    """The talker's embeddings of all codebooks, one after another: (codes of all, hidden_size)."""
    codec_offsets: Tensor
    """Where each codebook begins in them, (num_code_groups,)."""

    def embed_codes(self, codes: Tensor) -> Tensor:
        """The sum of a frame's code embeddings: (frames, num_code_groups) to (frames, hidden_size)."""
        return F.embedding(codes + self.codec_offsets, self.codec_embeddings).sum(-2)

    @classmethod
    @torch.inference_mode()
    def load(
        cls,
        folder: Path,
        config: ModelConfig,
        device: torch.device,
        dtype: torch.dtype,
        adapt: Callable[[Weights], Weights] = lambda weights: weights,
    ) -> "LanguageModel":
        """The model in `folder`, with what `adapt` makes of its weights; StartError when weights are missing or do not
        fit its configuration.
        """
        with StoredWeights(parts(folder), device, dtype) as weights:
            return cls.of(adapt(weights), config, tokens.load(folder, config.text_tokens))

    @classmethod
    @torch.inference_mode()
    def random(cls, config: ModelConfig, device: torch.device, dtype: torch.dtype, seed: int = 0) -> "LanguageModel":
        """Random weights, which are as fast as trained ones: to measure without files. See `sizes` for
        configurations.
        """
        return cls.of(RandomWeights(device, dtype, seed), config, tokens.byte_tokenizer(config.text_tokens))

    @classmethod
    def of(cls, weights: Weights, config: ModelConfig, known: TextTokenizer) -> "LanguageModel":
        """The model of these weights; gradients flow back to them where they ask for any."""
        talker = Talker(weights, config)
        embedding = torch.cat((talker.codec_embedding, *codec_embeddings(weights, config)))
        predictor = CodePredictor(weights, config, embedding[config.vocab_size :].chunk(config.num_code_groups - 1))
        offsets = torch.tensor(
            [0, *(config.vocab_size + group * config.codebook_size for group in range(config.num_code_groups - 1))],
            device=weights.device,
        )
        return cls(config, weights.device, weights.dtype, known, talker, predictor, embedding, offsets)
