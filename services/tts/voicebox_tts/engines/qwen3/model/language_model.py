"""The language model as it is loaded: the talker, the code predictor and their tokenizer."""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor

from . import tokenizer as tokens
from .checkpoint import parts
from .code_predictor import Predictor, embeddings
from .config import Config
from .talker import Talker
from .tokenizer import Tokens
from .weights import RandomWeights, StoredWeights, Weights


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """Text to codes. Its weights never change: many may use it at the same time, from any thread."""

    config: Config
    device: torch.device
    dtype: torch.dtype
    tokens: Tokens
    talker: Talker
    predictor: Predictor
    embedding: Tensor
    """The talker's embeddings of all groups' codes, one group after the other."""
    offsets: Tensor
    """Where a group's begin, (groups,)."""

    def embedded(self, codes: Tensor) -> Tensor:
        """What the talker reads of frames, but for the text: (frames, groups) to (frames, width)."""
        return F.embedding(codes + self.offsets, self.embedding).sum(-2)

    @classmethod
    def load(cls, folder: Path, config: Config, device: torch.device, dtype: torch.dtype) -> "LanguageModel":
        """The model in `folder`; StartError when weights are missing or do not fit its configuration."""
        with StoredWeights(parts(folder), device, dtype) as weights:
            return cls._made(weights, config, tokens.load(folder, config.text))

    @classmethod
    def random(cls, config: Config, device: torch.device, dtype: torch.dtype, seed: int = 0) -> "LanguageModel":
        """One that says nothing, as fast as one that was trained: to measure without files. See sizes for
        configurations.
        """
        return cls._made(RandomWeights(device, dtype, seed), config, tokens.spelled(config.text))

    @classmethod
    @torch.inference_mode()
    def _made(cls, weights: Weights, config: Config, known: Tokens) -> "LanguageModel":
        talker = Talker(weights, config)
        embedding = torch.cat((talker.embedding, *embeddings(weights, config)))
        predictor = Predictor(weights, config, embedding[config.vocabulary :].chunk(config.groups - 1))
        offsets = torch.tensor(
            [0, *(config.vocabulary + group * config.codes for group in range(config.groups - 1))],
            device=weights.device,
        )
        return cls(config, weights.device, weights.dtype, known, talker, predictor, embedding, offsets)
